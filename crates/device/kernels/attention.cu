// Attention within segments of packed rows. One warp a query row and head, or a key row and head: no sum
// crosses warps, so that the same inputs give the same bits.
#include "warp.cuh"

struct Segment {
    uint32_t query_start, queries, key_start, keys, out_start, pair_start;
};

struct Pattern {
    const Segment *segments;
    const uint32_t *segment_of;  // of an output row, or of a key row
    uint32_t rows, width, heads, causal, biased, drops;
    float scale, rate;
    uint64_t seed;
};

__device__ __forceinline__ uint32_t pair_of(const Segment &s, uint32_t query, uint32_t causal) {
    if (!causal) return s.pair_start + query * s.keys;
    if (query <= s.keys) return s.pair_start + query * (query + 1) / 2;
    return s.pair_start + s.keys * (s.keys + 1) / 2 + (query - s.keys) * s.keys;
}

__device__ __forceinline__ uint32_t seen_by(const Segment &s, uint32_t query, uint32_t causal) {
    return causal ? min(query + 1, s.keys) : s.keys;
}

__device__ __forceinline__ float factor(const Pattern &p, uint32_t row, uint32_t head, uint32_t key) {
    if (!p.drops) return 1.0f;
    uint64_t place = (uint64_t)row << 32 | (uint64_t)head << 24 | key;
    return dropout_factor(p.seed, place, p.rate);
}

template <int R>
__device__ __forceinline__ void load(float *to, const float *from, uint32_t size, uint32_t lane) {
#pragma unroll
    for (int r = 0; r < R; r++) to[r] = lane + 32 * r < size ? from[lane + 32 * r] : 0.0f;
}

template <int R>
__device__ __forceinline__ void store(float *to, const float *from, uint32_t size, uint32_t lane) {
#pragma unroll
    for (int r = 0; r < R; r++)
        if (lane + 32 * r < size) to[lane + 32 * r] = from[r];
}

template <int R>
__device__ __forceinline__ float dot(const float *a, const float *b) {
    float sum = 0.0f;
#pragma unroll
    for (int r = 0; r < R; r++) sum += a[r] * b[r];
    return warp_sum(sum);
}

template <int R>
__device__ void forward(Pattern p, const float *q, const float *kv, const float *bias, float *out) {
    uint32_t warp = (blockIdx.x * blockDim.x + threadIdx.x) / 32, lane = threadIdx.x % 32;
    if (warp >= p.rows * p.heads) return;
    uint32_t row = warp / p.heads, head = warp % p.heads, size = p.width / p.heads, part = head * size;
    Segment s = p.segments[p.segment_of[row]];
    uint32_t query = row - s.out_start, seen = seen_by(s, query, p.causal);
    const float *first = kv + (size_t)s.key_start * 2 * p.width + part;
    float mine[R], key[R], value[R], sum[R] = {0.0f};
    load<R>(mine, q + (size_t)(s.query_start + query) * p.width + part, size, lane);
    float largest = -INFINITY, total = 0.0f;
    for (uint32_t k = 0; k < seen; k++) {
        load<R>(key, first + (size_t)k * 2 * p.width, size, lane);
        load<R>(value, first + (size_t)k * 2 * p.width + p.width, size, lane);
        float score = dot<R>(mine, key) * p.scale;
        if (p.biased) score += bias[pair_of(s, query, p.causal) + k];
        float before = largest;
        largest = fmaxf(largest, score);
        float shrink = __expf(before - largest), weight = __expf(score - largest);
        total = total * shrink + weight;
        weight *= factor(p, row, head, k);
#pragma unroll
        for (int r = 0; r < R; r++) sum[r] = sum[r] * shrink + weight * value[r];
    }
#pragma unroll
    for (int r = 0; r < R; r++) sum[r] /= total;
    store<R>(out + (size_t)row * p.width + part, sum, size, lane);
}

// Gradients of queries, and what the pass over keys needs: log Σ exp of the scores, and Σ weight · slope.
template <int R>
__device__ void backward_query(Pattern p, const float *q, const float *kv, const float *bias, const float *out,
                               const float *grad, float *grad_q, float *sums, float *grad_bias, uint32_t pairs) {
    uint32_t warp = (blockIdx.x * blockDim.x + threadIdx.x) / 32, lane = threadIdx.x % 32;
    if (warp >= p.rows * p.heads) return;
    uint32_t row = warp / p.heads, head = warp % p.heads, size = p.width / p.heads, part = head * size;
    Segment s = p.segments[p.segment_of[row]];
    uint32_t query = row - s.out_start, seen = seen_by(s, query, p.causal), pair = pair_of(s, query, p.causal);
    const float *first = kv + (size_t)s.key_start * 2 * p.width + part;
    float mine[R], own[R], other[R], slope_sum[R] = {0.0f};
    load<R>(mine, q + (size_t)(s.query_start + query) * p.width + part, size, lane);
    float largest = -INFINITY, total = 0.0f;
    for (uint32_t k = 0; k < seen; k++) {
        load<R>(other, first + (size_t)k * 2 * p.width, size, lane);
        float score = dot<R>(mine, other) * p.scale + (p.biased ? bias[pair + k] : 0.0f);
        float before = largest;
        largest = fmaxf(largest, score);
        total = total * __expf(before - largest) + __expf(score - largest);
    }
    float log_sum = largest + logf(total);
    load<R>(own, grad + (size_t)row * p.width + part, size, lane);
    load<R>(other, out + (size_t)row * p.width + part, size, lane);
    float expected = dot<R>(own, other);
    for (uint32_t k = 0; k < seen; k++) {
        float key[R];
        load<R>(key, first + (size_t)k * 2 * p.width, size, lane);
        load<R>(other, first + (size_t)k * 2 * p.width + p.width, size, lane);
        float score = dot<R>(mine, key) * p.scale + (p.biased ? bias[pair + k] : 0.0f);
        float slope = dot<R>(own, other) * factor(p, row, head, k);
        float by_score = __expf(score - log_sum) * (slope - expected);
        if (p.biased && lane == 0) grad_bias[(size_t)head * pairs + pair + k] = by_score;
#pragma unroll
        for (int r = 0; r < R; r++) slope_sum[r] += by_score * p.scale * key[r];
    }
    store<R>(grad_q + (size_t)row * p.width + part, slope_sum, size, lane);
    if (lane == 0) {
        sums[2 * (size_t)warp] = log_sum;
        sums[2 * (size_t)warp + 1] = expected;
    }
}

// Gradients of keys and values; `rows` and `segment_of` are of the keys.
template <int R>
__device__ void backward_key(Pattern p, const float *q, const float *kv, const float *bias, const float *grad,
                             const float *sums, float *grad_kv) {
    uint32_t warp = (blockIdx.x * blockDim.x + threadIdx.x) / 32, lane = threadIdx.x % 32;
    if (warp >= p.rows * p.heads) return;
    uint32_t row = warp / p.heads, head = warp % p.heads, size = p.width / p.heads, part = head * size;
    Segment s = p.segments[p.segment_of[row]];
    uint32_t k = row - s.key_start;
    float key[R], value[R], mine[R], own[R], key_sum[R] = {0.0f}, value_sum[R] = {0.0f};
    const float *at = kv + (size_t)row * 2 * p.width + part;
    load<R>(key, at, size, lane);
    load<R>(value, at + p.width, size, lane);
    for (uint32_t query = p.causal ? k : 0; query < s.queries; query++) {
        uint32_t out_row = s.out_start + query;
        load<R>(mine, q + (size_t)(s.query_start + query) * p.width + part, size, lane);
        load<R>(own, grad + (size_t)out_row * p.width + part, size, lane);
        float score = dot<R>(mine, key) * p.scale;
        if (p.biased) score += bias[pair_of(s, query, p.causal) + k];
        const float *sum = sums + 2 * ((size_t)out_row * p.heads + head);
        float weight = __expf(score - sum[0]), kept = factor(p, out_row, head, k);
        float slope = weight * (kept * dot<R>(own, value) - sum[1]) * p.scale;
#pragma unroll
        for (int r = 0; r < R; r++) {
            key_sum[r] += slope * mine[r];
            value_sum[r] += kept * weight * own[r];
        }
    }
    float *to = grad_kv + (size_t)row * 2 * p.width + part;
    store<R>(to, key_sum, size, lane);
    store<R>(to + p.width, value_sum, size, lane);
}

#define PATTERN                                                                                              \
    const Segment *segments, const uint32_t *segment_of, uint32_t rows, uint32_t width, uint32_t heads,      \
        uint32_t causal, uint32_t biased, uint32_t drops, float scale, float rate, uint64_t seed
#define GIVEN {segments, segment_of, rows, width, heads, causal, biased, drops, scale, rate, seed}

#define OF_WIDTH(R)                                                                                          \
    extern "C" __global__ void attention_forward_##R(PATTERN, const float *q, const float *kv,               \
                                                     const float *bias, float *out) {                        \
        forward<R>(GIVEN, q, kv, bias, out);                                                                 \
    }                                                                                                        \
    extern "C" __global__ void attention_backward_query_##R(                                                 \
        PATTERN, const float *q, const float *kv, const float *bias, const float *out, const float *grad,    \
        float *grad_q, float *sums, float *grad_bias, uint32_t pairs) {                                      \
        backward_query<R>(GIVEN, q, kv, bias, out, grad, grad_q, sums, grad_bias, pairs);                    \
    }                                                                                                        \
    extern "C" __global__ void attention_backward_key_##R(PATTERN, const float *q, const float *kv,          \
                                                          const float *bias, const float *grad,              \
                                                          const float *sums, float *grad_kv) {               \
        backward_key<R>(GIVEN, q, kv, bias, grad, sums, grad_kv);                                            \
    }

// Numbers of a head that a lane holds: heads of up to 32, 64, … numbers.
OF_WIDTH(1)
OF_WIDTH(2)
OF_WIDTH(4)
OF_WIDTH(8)
OF_WIDTH(16)

// Of every output row, or of every key row, its segment.
extern "C" __global__ void segments_of(const Segment *segments, uint32_t of_keys, uint32_t *out) {
    Segment s = segments[blockIdx.x];
    uint32_t first = of_keys ? s.key_start : s.out_start, count = of_keys ? s.keys : s.queries;
    for (uint32_t i = threadIdx.x; i < count; i += blockDim.x) out[first + i] = blockIdx.x;
}
