/* The loop that measures: a list of micro-ops, emitted as traces of given lengths one after the other. */
#include "peer.h"

#include <time.h>

/* Nanoseconds for all of them; `bytes` of code, hot and cold together. Negative: a trace was not possible. */
double peer_measure(const void *instructions, const uint32_t *lengths, uint32_t count, uint32_t rounds, uint64_t *bytes)
{
    struct timespec start, end;
    uint64_t total = 0;
    clock_gettime(CLOCK_MONOTONIC, &start);
    for (uint32_t round = 0; round < rounds; round++) {
        const uint8_t *trace = instructions;
        for (uint32_t i = 0; i < count; i++) {
            peer_code code;
            if (!peer_emit(trace, lengths[i], &code)) {
                return -1;
            }
            total += code.hot_size + code.cold_size;
            peer_discard();
            trace += lengths[i] * peer_instruction_size();
        }
    }
    clock_gettime(CLOCK_MONOTONIC, &end);
    *bytes = total;
    return (double)(end.tv_sec - start.tv_sec) * 1e9 + (double)(end.tv_nsec - start.tv_nsec);
}
