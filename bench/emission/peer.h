/* What every peer offers: it makes machine code of traces in one go, however it does that. All are measured by one loop
 * (measure.c), so that only what is inside differs. */
#ifndef BENCH_EMISSION_PEER_H
#define BENCH_EMISSION_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A trace's code as it lies in memory while it runs. */
typedef struct peer_code {
    const uint8_t *hot, *cold;
    uint32_t hot_size, cold_size;
} peer_code;

/* Before traces of up to `most` micro-ops; called again before longer or shorter ones. False: it does not begin; `error`
 * (512 bytes) says why. */
bool peer_begin(uint32_t most, char *error);
/* One trace. `trace` points to `length` instructions of the VM. False: not possible; peer_error() says why. */
bool peer_emit(const void *trace, uint32_t length, peer_code *code);
/* The code of the last trace is not needed any more. */
void peer_discard(void);
const char *peer_error(void);
/* Where micro-op `index` of the last trace begins, in bytes from the start of the hot and the cold code; `index` == length:
 * where the last one ends. */
void peer_place(uint32_t index, uint32_t *hot, uint32_t *cold);
/* What a call of SG_COLD(index) goes to. */
const void *peer_part(uint32_t index);
/* Of one instruction of a trace, in bytes. */
size_t peer_instruction_size(void);

#endif
