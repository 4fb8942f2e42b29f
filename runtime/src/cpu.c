/* Which machine this is, by the levels of the x86-64 psABI, and which of a VM's descriptions is for it.
 *
 * A level is a set of CPUID bits, as the psABI's section 3.1.1 lists them, and the registers that the operating
 * system saves: without these an instruction traps although the processor knows it.
 */
#include "internal.h"

#include <cpuid.h>

typedef enum cpuid_register { EBX, ECX, EDX } cpuid_register;

typedef struct feature_set {
    sg_cpu level; /* that has these */
    uint32_t leaf;
    cpuid_register from;
    uint32_t bits;
} feature_set;

static const feature_set features[] = {
    /* SSE3, SSSE3, CMPXCHG16B, SSE4.1, SSE4.2, POPCNT */
    {SG_X86_64_V2, 1, ECX, 1u << 0 | 1u << 9 | 1u << 13 | 1u << 19 | 1u << 20 | 1u << 23},
    {SG_X86_64_V2, 0x80000001, ECX, 1u << 0},                               /* LAHF */
    {SG_X86_64_V3, 1, ECX, 1u << 12 | 1u << 22 | 1u << 27 | 1u << 28 | 1u << 29}, /* FMA, MOVBE, OSXSAVE, AVX, F16C */
    {SG_X86_64_V3, 7, EBX, 1u << 3 | 1u << 5 | 1u << 8},                    /* BMI1, AVX2, BMI2 */
    {SG_X86_64_V3, 0x80000001, ECX, 1u << 5},                               /* LZCNT */
    {SG_X86_64_V4, 7, EBX, 1u << 16 | 1u << 17 | 1u << 28 | 1u << 30 | 1u << 31}, /* AVX512F, DQ, CD, BW, VL */
};

/* XCR0: which registers the operating system saves. */
enum { SAVES_YMM = 1 << 1 | 1 << 2, SAVES_ZMM = SAVES_YMM | 1 << 5 | 1 << 6 };

static const uint32_t saved_registers[] = {
    [SG_X86_64_V3] = SAVES_YMM,
    [SG_X86_64_V4] = SAVES_ZMM,
};

static bool has_features(const feature_set *set)
{
    uint32_t eax, registers[3] = {0};
    return __get_cpuid_count(set->leaf, 0, &eax, &registers[EBX], &registers[ECX], &registers[EDX]) != 0 &&
           (registers[set->from] & set->bits) == set->bits;
}

static bool saves(uint32_t wanted)
{
    if (wanted == 0) {
        return true;
    }
    uint32_t low, high;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0)); /* there: OSXSAVE is among the features of the level below */
    return (low & wanted) == wanted;
}

sg_cpu sg_cpu_level(void)
{
    sg_cpu level = SG_X86_64;
    while (level < SG_X86_64_V4) {
        const sg_cpu next = (sg_cpu)(level + 1);
        for (size_t i = 0; i < sizeof features / sizeof *features; i++) {
            if (features[i].level == next && !has_features(&features[i])) {
                return level;
            }
        }
        if (!saves(saved_registers[next])) {
            return level;
        }
        level = next;
    }
    return level;
}

const sg_vm *sg_vm_for(const sg_vm *const *vms, size_t count, const sg_options *options)
{
    const sg_cpu here = sg_cpu_level();
    const sg_cpu limit = options != NULL && options->cpu != 0 && options->cpu < here ? options->cpu : here;
    size_t chosen = 0;
    while (chosen + 1 < count && vms[chosen + 1]->cpu <= limit) {
        chosen++;
    }
    return vms[chosen];
}

const char *sg_cpu_name(sg_cpu level)
{
    static const char *const names[] = {
        [0] = "any",
        [SG_X86_64] = "x86-64",
        [SG_X86_64_V2] = "x86-64-v2",
        [SG_X86_64_V3] = "x86-64-v3",
        [SG_X86_64_V4] = "x86-64-v4",
    };
    return (unsigned)level < sizeof names / sizeof *names ? names[level] : "unknown";
}
