#!/bin/sh
# For RUSTC_WORKSPACE_WRAPPER: compiles the library and the fuzzer with a counter on every edge, as
# cargo-fuzz does. Dependencies and all other targets are compiled as ever.
case "$*" in
*"--crate-name build_script_build"*) exec "$@" ;;
*"--crate-name pipeline"*"--crate-type bin"*) exec "$@" -C link-arg=-Wl,--unresolved-symbols=ignore-all ;;
*"--crate-name pipeline"* | *"--crate-name fuzz"*)
    exec "$@" -C passes=sancov-module -C llvm-args=-sanitizer-coverage-level=3 \
        -C llvm-args=-sanitizer-coverage-inline-8bit-counters -C overflow-checks=on
    ;;
*) exec "$@" ;;
esac
