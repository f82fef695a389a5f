// Appends functions to one file, each by one write(2), from all threads. The sink "append"
// cannot be faster: the kernel locks the file during each write.

#include "writer.h"
#include <fcntl.h>
#include <pthread.h>

static struct task task;
static int fd;
static pthread_barrier_t barrier;

static void *append(void *argument)
{
    (void)argument;
    size_t size = sizeof(struct load) + task.name_size + task.code_size;
    unsigned char *record = malloc(size);
    pthread_barrier_wait(&barrier);
    for (size_t i = 0; i < task.count; i++) {
        struct load load = load_of(&task, i);
        memcpy(record, &load, sizeof load);
        memcpy(record + sizeof load, task.name, task.name_size);
        memcpy(record + sizeof load + task.name_size, task.code, task.code_size);
        if (write(fd, record, size) != (ssize_t)size)
            abort();
    }
    return 0;
}

int main(int argc, char **argv)
{
    task = parse(argc, argv);
    size_t threads = strtoul(argv[2], 0, 10);
    struct times opened = times_now();
    fd = open(task.path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
    uint32_t header[10] = {0x4a695444, 1, 40, EM_X86_64, 0, task.pid};
    if (write(fd, header, sizeof header) != sizeof header)
        return 1;
    pthread_t *ids = malloc(threads * sizeof *ids);
    pthread_barrier_init(&barrier, 0, threads + 1);
    for (size_t i = 0; i < threads; i++)
        pthread_create(&ids[i], 0, append, 0);
    pthread_barrier_wait(&barrier);
    struct times start = times_now();
    for (size_t i = 0; i < threads; i++)
        pthread_join(ids[i], 0);
    if (task.is_to_crash)
        abort();
    close(fd);
    // COUNT is the number of functions of each thread.
    task.count *= threads;
    finish(&task, opened, start);
    return 0;
}
