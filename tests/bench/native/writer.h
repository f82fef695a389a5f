// The parts that the C writers share: arguments, the record, and times.
//
//     PROGRAM DIRECTORY THREADS COUNT CODE_SIZE NAME_SIZE [crash]
//
// Each prints nanoseconds of opening, then wall time, user time and system time of one
// function in nanoseconds; or crashes instead of closing the file. Only append.c has THREADS
// threads, and the others one.

#define _GNU_SOURCE
#include <elf.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

struct load {
    uint32_t id, total_size;
    uint64_t timestamp;
    uint32_t pid, tid;
    uint64_t vma, code_addr, code_size, code_index;
};

struct task {
    char path[4096];
    size_t count, code_size, name_size;
    unsigned char *code;
    char *name;
    uint32_t pid, tid;
    int is_to_crash;
};

static uint64_t timestamp(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static struct task parse(int argc, char **argv)
{
    if (argc < 6)
        exit(2);
    struct task task = {
        .count = strtoul(argv[3], 0, 10),
        .code_size = strtoul(argv[4], 0, 10),
        .name_size = strtoul(argv[5], 0, 10) + 1,
        .pid = getpid(),
        .tid = gettid(),
        .is_to_crash = argc > 6,
    };
    snprintf(task.path, sizeof task.path, "%s/jit-%u.dump", argv[1], task.pid);
    task.code = malloc(task.code_size);
    task.name = malloc(task.name_size);
    memset(task.code, 0x90, task.code_size);
    memset(task.name, 'f', task.name_size - 1);
    task.name[task.name_size - 1] = 0;
    return task;
}

static struct load load_of(const struct task *task, uint64_t index)
{
    return (struct load){
        .total_size = sizeof(struct load) + task->name_size + task->code_size,
        .timestamp = timestamp(),
        .pid = task->pid,
        .tid = task->tid,
        .vma = (uintptr_t)task->code,
        .code_addr = (uintptr_t)task->code,
        .code_size = task->code_size,
        .code_index = index,
    };
}

struct times {
    uint64_t wall, user, system;
};

static uint64_t nanoseconds(struct timeval time)
{
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_usec * 1000;
}

static struct times times_now(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (struct times){timestamp(), nanoseconds(usage.ru_utime), nanoseconds(usage.ru_stime)};
}

static void finish(const struct task *task, struct times opened, struct times start)
{
    struct times end = times_now();
    double count = task->count;
    printf("%lu %f %f %f\n", start.wall - opened.wall, (end.wall - start.wall) / count,
           (end.user - start.user) / count, (end.system - start.system) / count);
    unlink(task->path);
}
