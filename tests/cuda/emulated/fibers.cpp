#include "fibers.hpp"

#include <memory>
#include <vector>

namespace emulated {
thread_local Dim thread, block, block_size, grid_size;

namespace {
constexpr size_t STACK = 128 << 10;

// Those that wait for one another, and how often they have all come.
struct Meeting {
    unsigned expected = 0, come = 0;
    uint64_t held = 0;

    void check() {
        if (come == expected && come > 0) {
            come = 0;
            held++;
        }
    }
};

struct Fiber {
    std::unique_ptr<char[]> stack{new char[STACK]};
    void *at = nullptr;  // its stack pointer while it rests
    Dim thread{};
    bool ended = true;
    Meeting *waits_for = nullptr;
    uint64_t until = 0;
    alignas(16) char value[16];
};

thread_local std::vector<Fiber> fibers;
thread_local std::vector<Meeting> warps;
thread_local Meeting whole;
thread_local Fiber *running;
thread_local void *home;
thread_local const std::function<void()> *work;

unsigned place_of(const Dim &t) { return t.x + block_size.x * (t.y + block_size.y * t.z); }

// Saves the registers that a call must keep, and goes on with another stack.
extern "C" void emulated_switch(void **from, void *to);
asm(R"(
.globl emulated_switch
emulated_switch:
    push %rbp; push %rbx; push %r12; push %r13; push %r14; push %r15
    mov %rsp, (%rdi)
    mov %rsi, %rsp
    pop %r15; pop %r14; pop %r13; pop %r12; pop %rbx; pop %rbp
    ret
)");

void rest() { emulated_switch(&running->at, home); }

void begin() {
    (*work)();
    Fiber &own = *running;
    own.ended = true;
    // Who has ended is waited for no longer.
    Meeting &warp = warps[place_of(own.thread) / 32];
    warp.expected--;
    warp.check();
    whole.expected--;
    whole.check();
    rest();
    abort();
}

void prepare(Fiber &fiber) {
    auto top = reinterpret_cast<uintptr_t>(fiber.stack.get() + STACK) & ~uintptr_t(15);
    void **at = reinterpret_cast<void **>(top);
    *--at = nullptr;  // the return address of `begin`, so that its stack is aligned as after a call
    *--at = reinterpret_cast<void *>(&begin);
    for (int saved = 0; saved < 6; saved++) *--at = nullptr;
    fiber.at = at;
    fiber.ended = false;
    fiber.waits_for = nullptr;
}

void meet(Meeting &meeting) {
    uint64_t held = meeting.held;
    meeting.come++;
    meeting.check();
    if (meeting.held != held) return;
    running->waits_for = &meeting;
    running->until = held + 1;
    rest();
    running->waits_for = nullptr;
}
}  // namespace

void meet_block() { meet(whole); }
void meet_warp() { meet(warps[place_of(running->thread) / 32]); }
void put_down(const void *value, size_t bytes) { memcpy(running->value, value, bytes); }
void pick_up(unsigned lane, void *value, size_t bytes) {
    memcpy(value, fibers[place_of(running->thread) / 32 * 32 + lane].value, bytes);
}

static void run_block(unsigned threads) {
    for (auto &warp : warps) warp = Meeting{};
    whole = Meeting{threads, 0, 0};
    for (unsigned place = 0; place < threads; place++) {
        Fiber &fiber = fibers[place];
        fiber.thread = {place % block_size.x, place / block_size.x % block_size.y, place / block_size.x / block_size.y};
        warps[place / 32].expected++;
        prepare(fiber);
    }
    for (unsigned left = threads; left > 0;) {
        bool moved = false;
        for (unsigned place = 0; place < threads; place++) {
            Fiber &fiber = fibers[place];
            if (fiber.ended || (fiber.waits_for && fiber.waits_for->held < fiber.until)) continue;
            moved = true;
            running = &fiber;
            thread = fiber.thread;
            emulated_switch(&home, fiber.at);
            if (fiber.ended) left--;
        }
        if (!moved) abort();  // all wait: a barrier that some threads do not reach
    }
}

void launch(Dim grid, Dim size, const std::function<void()> &of_thread) {
    unsigned threads = size.x * size.y * size.z;
    if (fibers.size() < threads) fibers = std::vector<Fiber>(threads);
    warps.resize((threads + 31) / 32);
    grid_size = grid;
    block_size = size;
    work = &of_thread;
    for (block.z = 0; block.z < grid.z; block.z++)
        for (block.y = 0; block.y < grid.y; block.y++)
            for (block.x = 0; block.x < grid.x; block.x++) run_block(threads);
}
}  // namespace emulated
