// Kernels by name, each with its own parameters.
#pragma once
#include <functional>
#include <string>
#include <unordered_map>
#include <utility>

constexpr unsigned SHARED_BYTES = 48 << 10;

struct Kernel {
    std::string name;
    std::function<void(void **)> call;
};

std::unordered_map<std::string, Kernel> &kernels();

template <class... Parameters, size_t... Place>
void call_with(void (*kernel)(Parameters...), void **arguments, std::index_sequence<Place...>) {
    kernel(*static_cast<std::remove_cv_t<std::remove_reference_t<Parameters>> *>(arguments[Place])...);
}

template <class... Parameters>
bool known(const char *name, void (*kernel)(Parameters...)) {
    kernels()[name] = {name, [kernel](void **arguments) {
                           call_with(kernel, arguments, std::index_sequence_for<Parameters...>{});
                       }};
    return true;
}
