// Writes functions like perf's Java agent, V8 and CPython: buffered by C's stdio, under a
// lock. The buffered records are lost if the process dies.
//
//     stdio DIRECTORY THREADS COUNT CODE_SIZE NAME_SIZE [crash]
//
// Prints nanoseconds per record, or crashes instead of closing the file. There is one
// thread, whatever THREADS is.

#define _GNU_SOURCE
#include <elf.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct load {
    uint32_t id, total_size;
    uint64_t timestamp;
    uint32_t pid, tid;
    uint64_t vma, code_addr, code_size, code_index;
};

static uint64_t timestamp(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

int main(int argc, char **argv)
{
    if (argc < 6)
        return 2;
    size_t count = strtoul(argv[3], 0, 10);
    size_t code_size = strtoul(argv[4], 0, 10);
    size_t name_size = strtoul(argv[5], 0, 10);
    char path[4096];
    snprintf(path, sizeof path, "%s/jit-%d.dump", argv[1], (int)getpid());
    FILE *file = fopen(path, "w");
    if (!file)
        return 1;
    uint32_t header[10] = {0x4a695444, 1, 40, EM_X86_64, 0, getpid()};
    fwrite(header, sizeof header, 1, file);
    unsigned char *code = malloc(code_size);
    char *name = malloc(name_size + 1);
    memset(code, 0x90, code_size);
    memset(name, 'f', name_size);
    name[name_size] = 0;
    uint64_t start = timestamp();
    for (size_t i = 0; i < count; i++) {
        struct load load = {
            .id = 0,
            .total_size = sizeof load + name_size + 1 + code_size,
            .timestamp = timestamp(),
            .pid = getpid(),
            .tid = gettid(),
            .vma = (uintptr_t)code,
            .code_addr = (uintptr_t)code,
            .code_size = code_size,
            .code_index = i,
        };
        flockfile(file);
        fwrite_unlocked(&load, sizeof load, 1, file);
        fwrite_unlocked(name, name_size + 1, 1, file);
        fwrite_unlocked(code, code_size, 1, file);
        funlockfile(file);
    }
    if (argc > 6)
        abort();
    fclose(file);
    printf("%f\n", (double)(timestamp() - start) / count);
    unlink(path);
    return 0;
}
