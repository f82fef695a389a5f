// Packs functions into prepared pages of a shared mapping. The sink "mapped" cannot be faster.
// A crash loses nothing.

#include "writer.h"
#include <fcntl.h>
#include <sys/mman.h>

enum { WINDOW = 1 << 20, PAGE = 4096 };

static unsigned char zeros[WINDOW];

int main(int argc, char **argv)
{
    struct task task = parse(argc, argv);
    size_t size = sizeof(struct load) + task.name_size + task.code_size;
    if (size > WINDOW - PAGE)
        return 2;
    struct times opened = times_now();
    int fd = open(task.path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    uint32_t header[10] = {0x4a695444, 1, 40, EM_X86_64, 0, task.pid};
    if (write(fd, header, sizeof header) != sizeof header)
        return 1;
    size_t position = sizeof header, prepared = position, mapped_from = 0;
    unsigned char *window = 0;
    struct times start = times_now();
    for (size_t i = 0; i < task.count; i++) {
        if (position + size > prepared) {
            if (window)
                munmap(window, WINDOW);
            mapped_from = position - position % PAGE;
            size_t missing = mapped_from + WINDOW - prepared;
            if (pwrite(fd, zeros, missing, prepared) != (ssize_t)missing)
                return 1;
            prepared += missing;
            window = mmap(0, WINDOW, PROT_READ | PROT_WRITE, MAP_SHARED, fd, mapped_from);
            if (window == MAP_FAILED)
                return 1;
        }
        struct load load = load_of(&task, i);
        unsigned char *record = window + (position - mapped_from);
        memcpy(record + 8, (char *)&load + 8, sizeof load - 8);
        memcpy(record + sizeof load, task.name, task.name_size);
        memcpy(record + sizeof load + task.name_size, task.code, task.code_size);
        memcpy(record, &load, 8);
        position += size;
    }
    if (task.is_to_crash)
        abort();
    if (ftruncate(fd, position))
        return 1;
    close(fd);
    finish(&task, opened, start);
    return 0;
}
