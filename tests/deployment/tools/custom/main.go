// Reads a list of objects and tells what an API server with the given CustomResourceDefinitions would refuse:
// unknown fields (as with strict validation), wrong types and values, and rules in CEL. By the API server's own code.
//
//	custom CRD.yaml... <objects.json        exit code 1: something is refused, one complaint a line
package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	v1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/util/validation/field"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"sigs.k8s.io/yaml"
)

type object = map[string]interface{}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
}

// By apiVersion and kind.
func readSchemas(paths []string) map[[2]string]*apiextensions.JSONSchemaProps {
	schemas := map[[2]string]*apiextensions.JSONSchemaProps{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		must(err)
		var definition v1.CustomResourceDefinition
		must(yaml.Unmarshal(text, &definition))
		for _, version := range definition.Spec.Versions {
			if !version.Served {
				continue
			}
			internal := &apiextensions.JSONSchemaProps{}
			must(v1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(version.Schema.OpenAPIV3Schema, internal, nil))
			schemas[[2]string{definition.Spec.Group + "/" + version.Name, definition.Spec.Names.Kind}] = internal
		}
	}
	return schemas
}

func complaints(each object, props *apiextensions.JSONSchemaProps) (found []string) {
	structural, err := schema.NewStructural(props)
	must(err)
	track := schema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true}
	for _, path := range pruning.PruneWithOptions(each, structural, true, track) {
		found = append(found, "unknown field "+path)
	}
	defaulting.Default(each, structural)
	validator, _, err := validation.NewSchemaValidator(props)
	must(err)
	errors := validation.ValidateCustomResource(nil, each, validator)
	rules := cel.NewValidator(structural, true, celconfig.PerCallLimit)
	broken, _ := rules.Validate(context.Background(), field.NewPath(""), structural, each, nil, celconfig.RuntimeCELCostBudget)
	for _, err := range append(errors, broken...) {
		found = append(found, err.Error())
	}
	return found
}

func main() {
	schemas := readSchemas(os.Args[1:])
	text, err := io.ReadAll(os.Stdin)
	must(err)
	var objects []object
	must(json.Unmarshal(text, &objects))
	code := 0
	for _, each := range objects {
		kind := [2]string{fmt.Sprint(each["apiVersion"]), fmt.Sprint(each["kind"])}
		found := []string{"no such kind"}
		if props, ok := schemas[kind]; ok {
			found = complaints(each, props)
		}
		for _, complaint := range found {
			fmt.Printf("%s %s: %s\n", kind[0], kind[1], complaint)
			code = 1
		}
	}
	os.Exit(code)
}
