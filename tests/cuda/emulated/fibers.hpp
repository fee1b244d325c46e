// Runs the blocks of a launch, one after the other, on the calling thread.
#pragma once
#include <functional>

#include "device.hpp"

namespace emulated {
void launch(Dim grid, Dim block, const std::function<void()> &thread);
}
