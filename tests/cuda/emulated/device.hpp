// What CUDA C++ has and C++ lacks, so that kernels compile for the CPU: the threads of a block are fibers that run
// in turn, and meet where a kernel lets them wait for one another.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <cuda_bf16.h>
#include <cuda_fp16.h>

namespace emulated {
struct Dim {
    unsigned x, y, z;
};
extern thread_local Dim thread, block, block_size, grid_size;
// Waits until every thread of the block, or of the warp, that has not ended has come here.
void meet_block();
void meet_warp();
// What the lane `lane` of this warp has put down.
void put_down(const void *value, size_t bytes);
void pick_up(unsigned lane, void *value, size_t bytes);
}  // namespace emulated

#define threadIdx emulated::thread
#define blockIdx emulated::block
#define blockDim emulated::block_size
#define gridDim emulated::grid_size
#define __shared__ thread_local
#define __launch_bounds__(...)
#undef __forceinline__
#define __forceinline__ inline

static inline void __syncthreads() { emulated::meet_block(); }
static inline void __syncwarp(unsigned = 0) { emulated::meet_warp(); }

template <class T>
static inline T __shfl_xor_sync(unsigned, T value, int apart, int = 32) {
    T other;
    emulated::put_down(&value, sizeof(T));
    emulated::meet_warp();
    emulated::pick_up((emulated::thread.x % 32) ^ apart, &other, sizeof(T));
    emulated::meet_warp();
    return other;
}

template <class T, class Given>
static inline T atomicAdd(T *at, Given value) {
    T before = *at;
    *at = before + (T)value;
    return before;
}
template <class T, class Given>
static inline T atomicMax(T *at, Given value) {
    T before = *at;
    if ((T)value > before) *at = (T)value;
    return before;
}
template <class T, class Given>
static inline T atomicMin(T *at, Given value) {
    T before = *at;
    if ((T)value < before) *at = (T)value;
    return before;
}
template <class T, class Expected, class Given>
static inline T atomicCAS(T *at, Expected expected, Given value) {
    T before = *at;
    if (before == (T)expected) *at = (T)value;
    return before;
}

template <class To, class From>
static inline To same_bits(From from) {
    To to;
    memcpy(&to, &from, sizeof(To));
    return to;
}
static inline long long __double_as_longlong(double x) { return same_bits<long long>(x); }
static inline double __longlong_as_double(long long x) { return same_bits<double>(x); }
static inline unsigned __float_as_uint(float x) { return same_bits<unsigned>(x); }
static inline int __float_as_int(float x) { return same_bits<int>(x); }
static inline float __uint_as_float(unsigned x) { return same_bits<float>(x); }
static inline float __int_as_float(int x) { return same_bits<float>(x); }
#define __expf(x) expf(x)
#define __logf(x) logf(x)
static inline double normcdf(double x) { return 0.5 * erfc(-x * M_SQRT1_2); }
static inline float normcdff(float x) { return (float)normcdf(x); }
static inline float rsqrtf(float x) { return 1.0f / sqrtf(x); }
static inline double rsqrt(double x) { return 1.0 / sqrt(x); }
static inline float __fdividef(float a, float b) { return a / b; }
static inline void sincospif(float x, float *sine, float *cosine) {
    *sine = (float)sin(M_PI * (double)x);
    *cosine = (float)cos(M_PI * (double)x);
}
template <class T>
static inline T min(T a, T b) { return b < a ? b : a; }
template <class T>
static inline T max(T a, T b) { return a < b ? b : a; }
using std::isfinite;
using std::isinf;
using std::isnan;
using std::signbit;
