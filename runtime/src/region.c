/* The near region: one piece of memory, seen twice.
 *
 * A memfd is mapped once writable, far away, and once executable, near the VM's code, so that calls of VM
 * functions and rip-relative uses of VM data fit 32 bits. No mapping is ever writable and executable, and
 * nothing is ever remapped: a trace is written through the one view and at once there in the other. x86-64
 * processors keep instruction fetch coherent with stores by physical address, so two views need no more care
 * than one.
 *
 * The place is found by probing: MAP_FIXED_NOREPLACE either gives exactly the asked address or fails, without
 * a race against other threads. Kernels before 4.17 take it as a hint, which the comparison of the result
 * covers.
 */
#include "internal.h"

#include <errno.h>
#include <inttypes.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif
#ifndef MFD_CLOEXEC
#define MFD_CLOEXEC 1u
#endif
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8u
#endif
#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#endif

#define MIB ((uintptr_t)1 << 20)
#define DEFAULT_SIZE (64 * MIB)
#define LARGEST_SIZE (1024 * MIB)
/* Any code within 256 MB of `near` is then within 2 GB of the whole region. */
#define REACH (2048 * MIB - 256 * MIB)
#define PROBE_STEP MIB
#define LOWEST_ADDRESS MIB
#define HIGHEST_ADDRESS (((uintptr_t)1 << 47) - MIB)

static void *map(sg_counters *counters, void *address, size_t size, int protection, int flags, int file,
                 off_t offset)
{
    counters->mappings++;
    return mmap(address, size, protection, flags, file, offset);
}

/* Where the kernel is asked to put what no 32-bit distance leads to: terabytes away from the VM, so that contexts
 * take no more room near it than their code does. It is only a hint, but contexts' code never overlaps, so neither
 * do four times its addresses: room for the writable view, and behind it for the records, which are three times
 * as large. */
static void *far_place(const sg_region *region)
{
    const uintptr_t range = (uintptr_t)1 << 42, elsewhere = (uintptr_t)1 << 44;
    const uintptr_t near = (uintptr_t)region->executable;
    return (void *)(((near & ~(range - 1)) ^ elsewhere) | (near << 2 & (range - 1)));
}

static bool reserve_at(uintptr_t address, size_t size, sg_counters *counters)
{
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE;
    void *const place = map(counters, (void *)address, size, PROT_NONE, flags, -1, 0);
    if (place == MAP_FAILED) {
        return false;
    }
    if ((uintptr_t)place != address) {
        munmap(place, size);
        errno = EEXIST;
        return false;
    }
    return true;
}

/* Reserve address space near `near`; 0 after recording an error. Below first, closest first; above it lies
 * the heap of programs at fixed addresses, so there the farthest place comes first to leave the heap room to
 * grow. */
static uintptr_t reserve_near(uintptr_t near, size_t size, sg_counters *counters, sg_error *error)
{
    const uintptr_t low = near > REACH + LOWEST_ADDRESS ? near - REACH : LOWEST_ADDRESS;
    const uintptr_t high = near < HIGHEST_ADDRESS - REACH ? near + REACH : HIGHEST_ADDRESS;
    const uintptr_t start = near & ~(PROBE_STEP - 1);
    int problem = EEXIST;
    for (uintptr_t address = start - size; start >= size + low && address >= low && address < near;
         address -= PROBE_STEP) {
        if (reserve_at(address, size, counters)) {
            return address;
        }
        problem = errno == EEXIST ? problem : errno;
    }
    for (uintptr_t address = (high - size) & ~(PROBE_STEP - 1); address > near && address >= low;
         address -= PROBE_STEP) {
        if (reserve_at(address, size, counters)) {
            return address;
        }
        problem = errno == EEXIST ? problem : errno;
    }
    if (problem == EEXIST) {
        sg_error_format(error,
                        "no gap of %zu bytes in the address space within 2 GB of 0x%" PRIxPTR
                        "; use a smaller sg_options.size, or create the context before that space fills up",
                        size, near);
    } else {
        sg_error_format(error,
                        "cannot reserve %zu bytes of address space near 0x%" PRIxPTR
                        ": %s; raise the limit on address space (ulimit -v) or use a smaller sg_options.size",
                        size, near, strerror(problem));
    }
    return 0;
}

/* A file in memory of this size; -1 after recording an error. */
static int create_file(size_t size, sg_error *error)
{
    /* The file itself is never executed, only mapped: sealed against execve it passes where the system
     * forbids executable memory files (vm.memfd_noexec). Kernels before 6.3 do not know the flag. */
    long file = syscall(SYS_memfd_create, "stencilgen", MFD_CLOEXEC | MFD_NOEXEC_SEAL);
    if (file < 0 && errno == EINVAL) {
        file = syscall(SYS_memfd_create, "stencilgen", MFD_CLOEXEC);
    }
    if (file < 0) {
        sg_error_format(
            error,
            "memfd_create failed: %s; the sandbox or kernel (3.17 or later needed) has to permit it, and "
            "open files must be below the limit (ulimit -n)",
            strerror(errno));
        return -1;
    }
    /* Beyond the limit ftruncate would raise SIGXFSZ, which kills the process. */
    struct rlimit limit;
    if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur < size) {
        sg_error_format(
            error,
            "the limit on file sizes (ulimit -f) is below %zu bytes; raise it or lower sg_options.size",
            size);
        close((int)file);
        return -1;
    }
    if (ftruncate((int)file, (off_t)size) != 0) {
        sg_error_format(error, "cannot size the memory file to %zu bytes: %s; use a smaller sg_options.size",
                        size, strerror(errno));
        close((int)file);
        return -1;
    }
    return (int)file;
}

static void describe_mapping(const sg_region *region, int problem, sg_error *error)
{
    sg_error_format(
        error,
        "cannot map %" PRIu32 " bytes of shared memory, once writable and once executable: %s; security "
        "policies (SELinux, seccomp) have to permit executable shared memory, or sg_options.size is too "
        "large for this system",
        region->size, strerror(problem));
}

/* Map a memory file's views, the one near the VM over the reserved place. */
static bool map_file(sg_region *region, sg_counters *counters, sg_error *error)
{
    const uint32_t code_size = region->hot_size + region->cold_size;
    const int file = create_file(region->size, error);
    if (file < 0) {
        return false;
    }
    void *const writable =
        map(counters, far_place(region), region->size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    region->writable = writable == MAP_FAILED ? NULL : writable;
    const bool mapped = writable != MAP_FAILED &&
                        map(counters, region->executable, code_size, PROT_READ | PROT_EXEC,
                            MAP_SHARED | MAP_FIXED, file, 0) != MAP_FAILED &&
                        map(counters, region->executable + code_size, region->constants_size, PROT_READ,
                            MAP_SHARED | MAP_FIXED, file, (off_t)code_size) != MAP_FAILED;
    const int problem = errno;
    close(file);
    if (!mapped) {
        describe_mapping(region, problem, error);
    }
    return mapped;
}

/* The same without a file: perf consults its map of names only for anonymous memory. Moving none of a shared
 * mapping's bytes is how Linux maps them a second time. */
static bool map_anonymous(sg_region *region, sg_counters *counters, sg_error *error)
{
    const uint32_t code_size = region->hot_size + region->cold_size;
    const int flags = MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE;
    void *const writable = map(counters, far_place(region), region->size, PROT_READ | PROT_WRITE, flags, -1, 0);
    region->writable = writable == MAP_FAILED ? NULL : writable;
    const bool mapped =
        writable != MAP_FAILED &&
        mremap(writable, 0, region->size, MREMAP_MAYMOVE | MREMAP_FIXED, region->executable) != MAP_FAILED &&
        mprotect(region->executable, code_size, PROT_READ | PROT_EXEC) == 0 &&
        mprotect(region->executable + code_size, region->constants_size, PROT_READ) == 0;
    if (!mapped) {
        describe_mapping(region, errno, error);
    }
    return mapped;
}

/* Traces' records, and a page that tells a forked child from its parent. */
static bool map_private(sg_region *region, size_t page, sg_counters *counters, sg_error *error)
{
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    void *const place = (uint8_t *)far_place(region) + region->size;
    void *const records = map(counters, place, region->records_size, PROT_READ | PROT_WRITE, flags, -1, 0);
    void *const guard = map(counters, NULL, page, PROT_READ | PROT_WRITE, flags, -1, 0);
    region->records = records == MAP_FAILED ? NULL : records;
    region->guard = guard == MAP_FAILED ? NULL : guard;
    if (region->records == NULL || region->guard == NULL) {
        sg_error_format(error,
                        "cannot map %" PRIu32
                        " bytes for the records of traces: %s; use a smaller sg_options.size",
                        region->records_size, strerror(errno));
        return false;
    }
    /* Kernels before 4.14 cannot do it; there a child is not told apart. */
    (void)madvise(guard, page, MADV_WIPEONFORK);
    *region->guard = SG_GUARD;
    return true;
}

/* Divide the size: constants get the rodata and a 32nd, code the rest, two thirds of it hot. */
static bool divide(sg_region *region, size_t size, size_t rodata_size, size_t page, sg_error *error)
{
    size = size == 0 ? DEFAULT_SIZE : size;
    if (size > LARGEST_SIZE || rodata_size > LARGEST_SIZE) {
        sg_error_format(
            error,
            "sg_options.size is %zu bytes with %zu bytes of constants; at most %zu are possible, as "
            "all code must reach the VM and itself by 32-bit distances",
            size, rodata_size, (size_t)LARGEST_SIZE);
        return false;
    }
    size = (size + page - 1) & ~(page - 1);
    const size_t constants = (rodata_size + size / 32 + page - 1) & ~(page - 1);
    if (size < constants + 4 * page) {
        sg_error_format(
            error,
            "sg_options.size of %zu bytes is too small: with %zu bytes of constants it takes at least %zu",
            size, rodata_size, (rodata_size + 6 * page) * 32 / 31 / page * page + page);
        return false;
    }
    const size_t cold = (size - constants) / 3 & ~(page - 1);
    region->size = (uint32_t)size;
    region->records_size = (uint32_t)size * 3; /* 16 bytes a micro-op, 40 an exit: code is full first */
    region->constants_size = (uint32_t)constants;
    region->cold_size = (uint32_t)cold;
    region->hot_size = (uint32_t)(size - constants - cold);
    return true;
}

bool sg_region_create(sg_region *region, const sg_options *options, size_t rodata_size, sg_counters *counters,
                      sg_error *error)
{
    *region = (sg_region){0};
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    uintptr_t near = options == NULL ? 0 : (uintptr_t)options->near;
    if (near == 0) {
        near = (uintptr_t)&sg_region_create;
    }
    if (near >= HIGHEST_ADDRESS) {
        sg_error_format(error,
                        "sg_options.near is 0x%" PRIxPTR
                        ", which is no address of a program; use the address of "
                        "one of the VM's functions",
                        near);
        return false;
    }
    if (!divide(region, options == NULL ? 0 : options->size, rodata_size, page, error)) {
        return false;
    }
    const bool perf = options != NULL && options->perf_map;
    region->executable = (uint8_t *)reserve_near(near, region->size, counters, error);
    const bool created =
        region->executable != NULL &&
        (perf ? map_anonymous(region, counters, error) : map_file(region, counters, error)) &&
        map_private(region, page, counters, error);
    if (!created) {
        sg_region_destroy(region);
    }
    return created;
}

static void unmap(void *address, size_t size)
{
    if (address != NULL) {
        munmap(address, size);
    }
}

void sg_region_destroy(sg_region *region)
{
    unmap(region->executable, region->size);
    unmap(region->writable, region->size);
    unmap(region->records, region->records_size);
    unmap(region->guard, 1);
    *region = (sg_region){0};
}
