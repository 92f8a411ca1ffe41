# What tests/run, tests/bench and tests/faults/run-storm share: sourced, with the repository as the working directory.

readonly work=build/tests
readonly python=$work/venv/bin/python

step() {
    printf '\n=== %s\n' "$*"
}

build() {
    local preset werror=OFF
    [[ ${CI:-} == true ]] && werror=ON
    ./deploy/install-dependencies
    for preset in "$@"; do
        step "build $preset"
        cmake --preset "$preset" -DWEBSUB_WERROR=$werror
        cmake --build "build/$preset"
    done
}

# The receiving side of tests/faults/storm, whatever programs are under test.
build_recorder() {
    ./deploy/install-dependencies
    cmake --preset release >/dev/null
    cmake --build build/release --target storm-recorder
}

# Java's side: downloaded once, and again only when the version in pom.xml changes.
get_kafka() {
    cmp -s tests/pom.xml $work/kafka/pom.xml && return
    step "Apache Kafka from Maven Central"
    rm -rf $work/kafka
    mvn --batch-mode --quiet --file tests/pom.xml process-resources
    cp tests/pom.xml $work/kafka/pom.xml
}

# Python's side, likewise.
get_python() {
    cmp -s tests/requirements.txt $work/venv/requirements.txt && return
    step "Python packages"
    rm -rf $work/venv
    python3 -m venv $work/venv
    $python -m pip install --quiet --disable-pip-version-check -r tests/requirements.txt
    cp tests/requirements.txt $work/venv/requirements.txt
}

prepare_pytest() {
    ./tests/install-test-dependencies
    mkdir -p $work
    get_kafka
    get_python
}
