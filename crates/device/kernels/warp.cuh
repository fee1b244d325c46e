// What kernels share: sums over a warp in a fixed order, and numbers that are a hash of a place.
#pragma once
#include <stdint.h>

#define FULL 0xffffffffu

__device__ __forceinline__ float warp_sum(float x) {
    for (int apart = 16; apart > 0; apart /= 2) x += __shfl_xor_sync(FULL, x, apart);
    return x;
}

// The finaliser of SplitMix64 (Steele et al. 2014), as on the CPU.
__device__ __forceinline__ uint64_t hashed(uint64_t seed, uint64_t place) {
    uint64_t hash = seed ^ (place * 0x9e3779b97f4a7c15ull);
    hash = (hash ^ (hash >> 30)) * 0xbf58476d1ce4e5b9ull;
    hash = (hash ^ (hash >> 27)) * 0x94d049bb133111ebull;
    return hash ^ (hash >> 31);
}

// 0, or 1/(1 − rate).
__device__ __forceinline__ float dropout_factor(uint64_t seed, uint64_t place, float rate) {
    float uniform = (float)(hashed(seed, place) >> 40) / 16777216.0f;
    return uniform < rate ? 0.0f : 1.0f / (1.0f - rate);
}

// The thread's number in the grid, and how many there are.
#define EACH(i, count) \
    for (size_t i = (size_t)blockIdx.x * blockDim.x + threadIdx.x; i < (count); i += (size_t)blockDim.x * gridDim.x)
