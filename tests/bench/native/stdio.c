// Writes functions like perf's Java agent, V8 and CPython: buffered by C's stdio, under a
// lock. The buffered records are lost if the process crashes.

#include "writer.h"

int main(int argc, char **argv)
{
    struct task task = parse(argc, argv);
    struct times opened = times_now();
    FILE *file = fopen(task.path, "w");
    if (!file)
        return 1;
    uint32_t header[10] = {0x4a695444, 1, 40, EM_X86_64, 0, task.pid};
    fwrite(header, sizeof header, 1, file);
    struct times start = times_now();
    for (size_t i = 0; i < task.count; i++) {
        struct load load = load_of(&task, i);
        flockfile(file);
        fwrite_unlocked(&load, sizeof load, 1, file);
        fwrite_unlocked(task.name, task.name_size, 1, file);
        fwrite_unlocked(task.code, task.code_size, 1, file);
        funlockfile(file);
    }
    if (task.is_to_crash)
        abort();
    fclose(file);
    finish(&task, opened, start);
    return 0;
}
