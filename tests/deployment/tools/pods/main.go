// Reads a list of Pods and Deployments and tells why a namespace that enforces the Pod Security Standard "restricted"
// would refuse their pods. By the API server's own code.
//
//	pods <objects.json        exit code 1: one is refused, one complaint a line
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
)

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
}

func strictly(raw []byte, into interface{}) {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	must(decoder.Decode(into))
}

func podOf(raw []byte) (string, corev1.PodTemplateSpec) {
	var kind metav1.TypeMeta
	must(json.Unmarshal(raw, &kind))
	switch kind.Kind {
	case "Deployment":
		var deployment appsv1.Deployment
		strictly(raw, &deployment)
		return deployment.Name, deployment.Spec.Template
	case "Pod":
		var pod corev1.Pod
		strictly(raw, &pod)
		return pod.Name, corev1.PodTemplateSpec{ObjectMeta: pod.ObjectMeta, Spec: pod.Spec}
	}
	must(fmt.Errorf("%q has no pod that is known here", kind.Kind))
	panic("not reached")
}

func main() {
	var objects []json.RawMessage
	must(json.NewDecoder(os.Stdin).Decode(&objects))
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks())
	must(err)
	restricted := api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}
	code := 0
	for _, raw := range objects {
		name, pod := podOf(raw)
		for _, result := range evaluator.EvaluatePod(restricted, &pod.ObjectMeta, &pod.Spec) {
			if !result.Allowed {
				fmt.Printf("%s: %s: %s\n", name, result.ForbiddenReason, result.ForbiddenDetail)
				code = 1
			}
		}
	}
	os.Exit(code)
}
