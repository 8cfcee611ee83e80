/* Stands between a process and the files of its journal, loaded with LD_PRELOAD: counts each write, sync and truncation, and
 * lets one of them go wrong. Set from outside:
 *
 *   FAULT_FOLDER  where the journal is
 *   FAULT_LOG     gets a line for each operation
 *   FAULT_AT      the operation that goes wrong, counted from 0
 *   FAULT_KIND    how: "eio" and "enospc" fail it; "torn" writes half of it and kills the process; "lost" does not do it, takes
 *                 back whatever has not been synced, and kills the process, as when the power fails
 *   FAULT_WHILE   as long as this file exists, every operation fails with ENOSPC
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What a write or a truncation has replaced, until it is synced. */
struct replaced {
    struct replaced *before;
    char path[PATH_MAX];
    off_t size, offset;
    size_t length;
    char bytes[];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct replaced *unsynced;
static long operations;

/* The path of a file of the journal; NULL for any other. */
static const char *journal_file(int fd, char path[PATH_MAX]) {
    const char *folder = getenv("FAULT_FOLDER");
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    if (!folder || length < 0) return NULL;
    path[length] = 0;
    return strncmp(path, folder, strlen(folder)) == 0 && strstr(path, "journal.sqlite") ? path : NULL;
}

static void remember(int fd, const char *path, off_t offset, size_t length) {
    struct stat file;
    if (fstat(fd, &file) != 0) return;
    struct replaced *one = malloc(sizeof *one + length);
    if (!one) return;
    snprintf(one->path, sizeof one->path, "%s", path);
    one->size = file.st_size;
    one->offset = offset;
    /* The file may be open for writing only. */
    int reading = open(path, O_RDONLY);
    ssize_t got = syscall(SYS_pread64, reading, one->bytes, length, offset);
    close(reading);
    one->length = got > 0 ? (size_t)got : 0;
    one->before = unsynced;
    unsynced = one;
}

static void synced(const char *path) {
    struct replaced **at = &unsynced;
    while (*at) {
        struct replaced *one = *at;
        if (strcmp(one->path, path) != 0) { at = &one->before; continue; }
        *at = one->before;
        free(one);
    }
}

static void take_back(void) {
    for (struct replaced *one = unsynced; one; one = one->before) {
        int fd = open(one->path, O_WRONLY);
        if (fd < 0) continue;
        if (one->length) syscall(SYS_pwrite64, fd, one->bytes, one->length, one->offset);
        syscall(SYS_ftruncate, fd, one->size);
        close(fd);
    }
}

static void report(const char *what, const char *path) {
    const char *log = getenv("FAULT_LOG");
    if (!log) return;
    char line[PATH_MAX + 64];
    int length = snprintf(line, sizeof line, "%ld %s %s\n", operations, what, strrchr(path, '/') + 1);
    int fd = open(log, O_WRONLY | O_APPEND | O_CREAT, 0600);
    syscall(SYS_write, fd, line, length);
    close(fd);
}

static void die(void) {
    kill(getpid(), SIGKILL);
    pause();
}

/* Counts an operation; the error that it is to fail with, or 0. */
static int goes_wrong(const char *what, const char *path, int fd, const void *bytes, size_t length, off_t offset) {
    const char *at = getenv("FAULT_AT"), *kind = getenv("FAULT_KIND"), *full = getenv("FAULT_WHILE");
    report(what, path);
    long number = operations++;
    if (full && access(full, F_OK) == 0) return ENOSPC;
    if (!at || !kind || number != atol(at)) return 0;
    if (strcmp(kind, "eio") == 0) return EIO;
    if (strcmp(kind, "enospc") == 0) return ENOSPC;
    if (strcmp(kind, "torn") == 0 && length) syscall(SYS_pwrite64, fd, bytes, length / 2, offset);
    if (strcmp(kind, "lost") == 0) take_back();
    die();
    return EIO;
}

static ssize_t written(int fd, const void *bytes, size_t length, off_t offset, int moves) {
    char path[PATH_MAX];
    if (!journal_file(fd, path))
        return moves ? syscall(SYS_write, fd, bytes, length) : syscall(SYS_pwrite64, fd, bytes, length, offset);
    pthread_mutex_lock(&lock);
    int error = goes_wrong("write", path, fd, bytes, length, offset);
    if (!error) remember(fd, path, offset, length);
    ssize_t result = error ? -1
        : moves ? syscall(SYS_write, fd, bytes, length) : syscall(SYS_pwrite64, fd, bytes, length, offset);
    pthread_mutex_unlock(&lock);
    if (error) errno = error;
    return result;
}

ssize_t write(int fd, const void *bytes, size_t length) {
    return written(fd, bytes, length, lseek(fd, 0, SEEK_CUR), 1);
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) { return written(fd, bytes, length, offset, 0); }

ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t offset) { return written(fd, bytes, length, offset, 0); }

static int flushed(int fd, long call, const char *what) {
    char path[PATH_MAX];
    if (!journal_file(fd, path)) return syscall(call, fd);
    pthread_mutex_lock(&lock);
    int error = goes_wrong(what, path, fd, NULL, 0, 0);
    int result = error ? -1 : syscall(call, fd);
    if (result == 0) synced(path);
    pthread_mutex_unlock(&lock);
    if (error) errno = error;
    return result;
}

int fsync(int fd) { return flushed(fd, SYS_fsync, "fsync"); }

int fdatasync(int fd) { return flushed(fd, SYS_fdatasync, "fdatasync"); }

static int cut(int fd, off_t size) {
    char path[PATH_MAX];
    if (!journal_file(fd, path)) return syscall(SYS_ftruncate, fd, size);
    pthread_mutex_lock(&lock);
    int error = goes_wrong("ftruncate", path, fd, NULL, 0, 0);
    struct stat file;
    if (!error && fstat(fd, &file) == 0) remember(fd, path, size, file.st_size > size ? file.st_size - size : 0);
    int result = error ? -1 : syscall(SYS_ftruncate, fd, size);
    pthread_mutex_unlock(&lock);
    if (error) errno = error;
    return result;
}

int ftruncate(int fd, off_t size) { return cut(fd, size); }

int ftruncate64(int fd, off64_t size) { return cut(fd, size); }
