/* Records, in one total order, what processes do to the files below one folder.
 *
 * A shared library for LD_PRELOAD. Calls that may change a file or a folder below POWERCUT_ROOT, or that make a change
 * durable, are carried out and then appended to the file POWERCUT_LOG, with the bytes that were written. Both happen
 * under a lock that all threads and all processes that inherit the environment share, so the log is the order in which
 * the calls took place. The real calls are made by number (syscall(2)), so nothing depends on the order of loading.
 *
 * A record: struct record, then its two paths and its data. Paths are relative to the root; "" is the root itself.
 *
 * Opening ROOT/.marker/TEXT fails with ENOENT and appends TEXT to the log: "here, in the order of things, this was so".
 *
 * What it does not see (calls by number, io_uring, writes through a shared mapping of a -shm file) is found out after
 * the run, when the recorded end is compared with the real one. A writable shared mapping of any other file, and a
 * change that the log has no words for, are recorded as such and make the recording void.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define PUBLIC __attribute__((visibility("default")))
#define ALSO(name, of) PUBLIC __typeof__(of) name __attribute__((alias(#of)))

enum operation { /* the same numbers as in recording.py */
    OPEN = 1, /* handle, offset = flags, path */
    WRITE = 2, /* handle, offset, data */
    TRUNCATE = 3, /* handle, offset = the new size */
    EXTEND = 4, /* handle, offset = the least new size */
    SYNC = 5, /* handle */
    SYNC_ALL = 6,
    RENAME = 7, /* path, other */
    EXCHANGE = 8, /* path, other */
    LINK = 9, /* path, other */
    UNLINK = 10, /* path: a file */
    RMDIR = 11, /* path */
    MKDIR = 12, /* path */
    SYMLINK = 13, /* path, data = the target */
    MARKER = 14, /* path = the text */
    VOID = 15, /* path = why the recording cannot be used */
};

struct record {
    uint32_t size; /* of the whole record, in bytes */
    uint16_t operation;
    uint16_t path_size;
    uint16_t other_size;
    uint16_t unused;
    uint32_t data_size;
    uint64_t handle; /* of an open file description: the process and a number */
    uint64_t offset;
};

#define MOST_DESCRIPTORS 65536
static struct {
    _Atomic uint64_t handle; /* 0: not below the root */
    dev_t device;
    ino_t inode;
} descriptors[MOST_DESCRIPTORS];

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static char root[PATH_MAX];
static size_t root_size;
static int log_descriptor = -1;
static pid_t self;
static uint64_t last_handle;

static void let_parent_and_child_go_on(void) { pthread_mutex_unlock(&mutex); }
static void wait_for_my_own_threads(void) { pthread_mutex_lock(&mutex); }

static void be_a_new_process(void)
{
    self = getpid();
    pthread_mutex_unlock(&mutex);
}

__attribute__((constructor)) static void begin(void)
{
    const char *folder = getenv("POWERCUT_ROOT"), *file = getenv("POWERCUT_LOG");
    if (folder == NULL || file == NULL || strlen(folder) >= sizeof root)
        return;
    int opened = syscall(SYS_openat, AT_FDCWD, file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (opened < 0)
        return;
    strcpy(root, folder);
    root_size = strlen(root);
    self = getpid();
    pthread_atfork(wait_for_my_own_threads, let_parent_and_child_go_on, be_a_new_process);
    /* Out of the way of programs that close or reuse low descriptors. */
    log_descriptor = syscall(SYS_fcntl, opened, F_DUPFD_CLOEXEC, 900L);
    if (log_descriptor < 0)
        log_descriptor = opened;
    else
        syscall(SYS_close, opened);
}

/* Between vfork and exec a child shares this memory with its parent: it must not touch any of it. */
static int recording(void) { return log_descriptor >= 0 && syscall(SYS_getpid) == self; }

static void enter(void)
{
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    pthread_mutex_lock(&mutex);
    while (syscall(SYS_fcntl, log_descriptor, F_SETLKW, &whole) < 0 && errno == EINTR)
        ;
}

static void leave(void)
{
    struct flock whole = {.l_type = F_UNLCK, .l_whence = SEEK_SET};
    int error = errno;
    syscall(SYS_fcntl, log_descriptor, F_SETLK, &whole);
    pthread_mutex_unlock(&mutex);
    errno = error;
}

static void append(enum operation operation, uint64_t handle, uint64_t offset, const char *path, const char *other,
                   const void *data, size_t data_size)
{
    int error = errno;
    struct record record = {.operation = operation, .handle = handle, .offset = offset, .data_size = data_size};
    record.path_size = path == NULL ? 0 : strlen(path);
    record.other_size = other == NULL ? 0 : strlen(other);
    record.size = sizeof record + record.path_size + record.other_size + data_size;
    struct iovec parts[] = {
        {&record, sizeof record},
        {(void *)path, record.path_size},
        {(void *)other, record.other_size},
        {(void *)data, data_size},
    };
    ssize_t written = syscall(SYS_writev, log_descriptor, parts, 4L);
    if (written != (ssize_t)record.size) {
        static const char message[] = "powercut: the log cannot be written\n";
        syscall(SYS_write, 2, message, sizeof message - 1);
        _exit(125);
    }
    errno = error;
}

static void append_path(enum operation operation, const char *path) { append(operation, 0, 0, path, NULL, NULL, 0); }

/* The absolute path of `path`, seen from the folder `from`; nothing is resolved. */
static int make_absolute(int from, const char *path, char *whole)
{
    char base[PATH_MAX];
    if (path[0] == '/')
        return snprintf(whole, PATH_MAX, "%s", path) < PATH_MAX;
    if (from == AT_FDCWD) {
        if (syscall(SYS_getcwd, base, sizeof base) < 0)
            return 0;
    } else {
        char link[64];
        snprintf(link, sizeof link, "/proc/self/fd/%d", from);
        ssize_t size = readlink(link, base, sizeof base - 1);
        if (size < 0)
            return 0;
        base[size] = '\0';
    }
    return snprintf(whole, PATH_MAX, "%s/%s", base, path) < PATH_MAX;
}

/* Whether the path is that of a marker, and its text. */
static const char *marker(const char *path)
{
    static const char folder[] = "/.marker/";
    if (path == NULL || strncmp(path, root, root_size) != 0 || strncmp(path + root_size, folder, sizeof folder - 1) != 0)
        return NULL;
    return path + root_size + sizeof folder - 1;
}

/* Whether a path lies below the root, links in it resolved (the last component only if `follow`), and which it is. */
static int locate(int from, const char *path, int follow, char *relative)
{
    char whole[PATH_MAX], real[PATH_MAX];
    int error = errno, inside = 0;
    if (path == NULL || path[0] == '\0' || !make_absolute(from, path, whole))
        goto done;
    size_t size = strlen(whole);
    while (size > 1 && whole[size - 1] == '/')
        whole[--size] = '\0';
    if (!follow || realpath(whole, real) == NULL) {
        char *slash = strrchr(whole, '/'), *name = slash + 1;
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || slash == whole) {
            if (realpath(whole, real) == NULL)
                goto done;
        } else {
            *slash = '\0';
            if (realpath(whole, real) == NULL || strlen(real) + strlen(name) + 2 > sizeof real)
                goto done;
            strcat(strcat(real, "/"), name);
        }
    }
    if (strncmp(real, root, root_size) == 0 && (real[root_size] == '/' || real[root_size] == '\0')) {
        strcpy(relative, real[root_size] == '/' ? real + root_size + 1 : "");
        inside = 1;
    }
done:
    errno = error;
    return inside;
}

static void forget(int descriptor)
{
    if (descriptor >= 0 && descriptor < MOST_DESCRIPTORS)
        descriptors[descriptor].handle = 0;
}

static void remember(int descriptor, uint64_t handle)
{
    struct stat status;
    if (descriptor < 0 || descriptor >= MOST_DESCRIPTORS || fstat(descriptor, &status) < 0) {
        append_path(VOID, "a descriptor is too large to follow");
        return;
    }
    descriptors[descriptor].device = status.st_dev;
    descriptors[descriptor].inode = status.st_ino;
    descriptors[descriptor].handle = handle;
}

/* The handle of a descriptor below the root, or 0. A descriptor that was closed unseen (by closedir, say) and now means
 * something else is told by its inode. */
static uint64_t handle_of(int descriptor)
{
    struct stat status;
    if (descriptor < 0 || descriptor >= MOST_DESCRIPTORS || descriptors[descriptor].handle == 0 || !recording())
        return 0;
    int error = errno;
    int same = fstat(descriptor, &status) == 0 && status.st_dev == descriptors[descriptor].device
               && status.st_ino == descriptors[descriptor].inode;
    errno = error;
    if (!same)
        descriptors[descriptor].handle = 0;
    return descriptors[descriptor].handle;
}

/* ---- opening and closing ---- */

static int open_any(int from, const char *path, int flags, mode_t mode)
{
    char relative[PATH_MAX];
    int descriptor, follow = !(flags & O_NOFOLLOW) && (flags & (O_CREAT | O_EXCL)) != (O_CREAT | O_EXCL);
    if (!recording())
        return syscall(SYS_openat, from, path, flags, mode);
    if (marker(path) != NULL) {
        enter();
        append_path(MARKER, marker(path));
        leave();
        errno = ENOENT;
        return -1;
    }
    if ((flags & O_PATH) || !locate(from, path, follow, relative)) {
        descriptor = syscall(SYS_openat, from, path, flags, mode);
        forget(descriptor);
        return descriptor;
    }
    if ((flags & O_TMPFILE) == O_TMPFILE) { /* callers fall back to a file with a name */
        errno = EOPNOTSUPP;
        return -1;
    }
    enter();
    int inside = locate(from, path, follow, relative); /* again: it may have been moved until we had the lock */
    descriptor = syscall(SYS_openat, from, path, flags, mode);
    if (descriptor >= 0 && inside) {
        uint64_t handle = (uint64_t)self << 32 | ++last_handle;
        remember(descriptor, handle);
        append(OPEN, handle, flags, relative, NULL, NULL, 0);
    }
    leave();
    return descriptor;
}

static mode_t mode_argument(int flags, va_list arguments)
{
    return (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(arguments, mode_t) : 0;
}

PUBLIC int open(const char *path, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = mode_argument(flags, arguments);
    va_end(arguments);
    return open_any(AT_FDCWD, path, flags, mode);
}
ALSO(open64, open);

PUBLIC int openat(int from, const char *path, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = mode_argument(flags, arguments);
    va_end(arguments);
    return open_any(from, path, flags, mode);
}
ALSO(openat64, openat);

PUBLIC int __open_2(const char *path, int flags) { return open_any(AT_FDCWD, path, flags, 0); }
ALSO(__open64_2, __open_2);
PUBLIC int __openat_2(int from, const char *path, int flags) { return open_any(from, path, flags, 0); }
ALSO(__openat64_2, __openat_2);

PUBLIC int creat(const char *path, mode_t mode) { return open_any(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }
ALSO(creat64, creat);

PUBLIC int close(int descriptor)
{
    if (!recording())
        return syscall(SYS_close, descriptor);
    if (descriptor == log_descriptor) {
        errno = EBADF;
        return -1;
    }
    forget(descriptor); /* before the number can be given to another file */
    return syscall(SYS_close, descriptor);
}

PUBLIC int close_range(unsigned first, unsigned last, int flags)
{
    if (recording() && !(flags & CLOSE_RANGE_CLOEXEC)) {
        for (unsigned number = first; number <= last && number < MOST_DESCRIPTORS; number++)
            close(number);
        return 0;
    }
    return syscall(SYS_close_range, first, last, flags);
}

static int duplicated(uint64_t handle, int descriptor)
{
    if (descriptor >= 0 && recording()) {
        forget(descriptor);
        if (handle != 0)
            remember(descriptor, handle);
    }
    return descriptor;
}

PUBLIC int dup(int descriptor) { return duplicated(handle_of(descriptor), syscall(SYS_dup, descriptor)); }

PUBLIC int dup3(int old, int new, int flags)
{
    if (recording() && new == log_descriptor) {
        errno = EBADF;
        return -1;
    }
    return duplicated(handle_of(old), syscall(SYS_dup3, old, new, flags));
}

PUBLIC int dup2(int old, int new)
{
    if (old == new)
        return syscall(SYS_fcntl, old, F_GETFD) < 0 ? -1 : new;
    return dup3(old, new, 0);
}

PUBLIC int fcntl(int descriptor, int command, ...)
{
    va_list arguments;
    va_start(arguments, command);
    long argument = va_arg(arguments, long);
    va_end(arguments);
    int result = syscall(SYS_fcntl, descriptor, command, argument);
    if (command == F_DUPFD || command == F_DUPFD_CLOEXEC)
        return duplicated(handle_of(descriptor), result);
    return result;
}
ALSO(fcntl64, fcntl);

/* ---- contents ---- */

/* A write at the descriptor's own position, or at its end: where that was is known only afterwards. */
static void append_sequential(uint64_t handle, int descriptor, const void *data, ssize_t size)
{
    off_t after = syscall(SYS_lseek, descriptor, 0L, SEEK_CUR);
    append(WRITE, handle, after - size, NULL, NULL, data, size);
}

/* Linux appends, wherever the caller wanted it, if the descriptor has O_APPEND. */
static off_t position(int descriptor, off_t wanted, ssize_t size)
{
    struct stat status;
    if (!(syscall(SYS_fcntl, descriptor, F_GETFL) & O_APPEND) || fstat(descriptor, &status) < 0)
        return wanted;
    return status.st_size - size;
}

PUBLIC ssize_t write(int descriptor, const void *data, size_t size)
{
    uint64_t handle = handle_of(descriptor);
    if (handle == 0)
        return syscall(SYS_write, descriptor, data, size);
    enter();
    ssize_t written = syscall(SYS_write, descriptor, data, size);
    if (written > 0)
        append_sequential(handle, descriptor, data, written);
    leave();
    return written;
}

PUBLIC ssize_t pwrite(int descriptor, const void *data, size_t size, off_t offset)
{
    uint64_t handle = handle_of(descriptor);
    if (handle == 0)
        return syscall(SYS_pwrite64, descriptor, data, size, offset);
    enter();
    ssize_t written = syscall(SYS_pwrite64, descriptor, data, size, offset);
    if (written > 0)
        append(WRITE, handle, position(descriptor, offset, written), NULL, NULL, data, written);
    leave();
    return written;
}
ALSO(pwrite64, pwrite);

static char *gathered(const struct iovec *parts, int count, size_t size)
{
    char *whole = malloc(size), *end = whole;
    for (int i = 0; i < count && whole != NULL && end < whole + size; i++) {
        size_t left = whole + size - end, part = parts[i].iov_len < left ? parts[i].iov_len : left;
        memcpy(end, parts[i].iov_base, part);
        end += part;
    }
    return whole;
}

/* pwritev2 with the offset -1 is writev. */
static ssize_t write_gathered(int descriptor, const struct iovec *parts, int count, off_t offset, int flags)
{
    uint64_t handle = handle_of(descriptor);
    if (handle != 0)
        enter();
    ssize_t written = syscall(SYS_pwritev2, descriptor, parts, (long)count, offset, 0L, (long)flags);
    if (handle == 0)
        return written;
    if (written > 0) {
        char *data = gathered(parts, count, written);
        if (data == NULL)
            append_path(VOID, "no memory for a copy of what was written");
        else if (offset == -1)
            append_sequential(handle, descriptor, data, written);
        else
            append(WRITE, handle, position(descriptor, offset, written), NULL, NULL, data, written);
        free(data);
    }
    leave();
    return written;
}

PUBLIC ssize_t writev(int descriptor, const struct iovec *parts, int count)
{
    if (handle_of(descriptor) == 0)
        return syscall(SYS_writev, descriptor, parts, (long)count);
    return write_gathered(descriptor, parts, count, -1, 0);
}

PUBLIC ssize_t pwritev(int descriptor, const struct iovec *parts, int count, off_t offset)
{
    return write_gathered(descriptor, parts, count, offset, 0);
}
ALSO(pwritev64, pwritev);

PUBLIC ssize_t pwritev2(int descriptor, const struct iovec *parts, int count, off_t offset, int flags)
{
    return write_gathered(descriptor, parts, count, offset, flags);
}
ALSO(pwritev64v2, pwritev2);

PUBLIC int ftruncate(int descriptor, off_t size)
{
    uint64_t handle = handle_of(descriptor);
    if (handle == 0)
        return syscall(SYS_ftruncate, descriptor, size);
    enter();
    int result = syscall(SYS_ftruncate, descriptor, size);
    if (result == 0)
        append(TRUNCATE, handle, size, NULL, NULL, NULL, 0);
    leave();
    return result;
}
ALSO(ftruncate64, ftruncate);

PUBLIC int truncate(const char *path, off_t size)
{
    int descriptor = open_any(AT_FDCWD, path, O_WRONLY | O_CLOEXEC, 0);
    if (descriptor < 0)
        return -1;
    int result = ftruncate(descriptor, size);
    close(descriptor);
    return result;
}
ALSO(truncate64, truncate);

PUBLIC int fallocate(int descriptor, int mode, off_t offset, off_t size)
{
    uint64_t handle = handle_of(descriptor);
    if (handle == 0)
        return syscall(SYS_fallocate, descriptor, (long)mode, offset, size);
    if (mode & ~FALLOC_FL_KEEP_SIZE) { /* holes and shifts: callers must live without */
        errno = EOPNOTSUPP;
        return -1;
    }
    enter();
    int result = syscall(SYS_fallocate, descriptor, (long)mode, offset, size);
    if (result == 0 && mode == 0)
        append(EXTEND, handle, offset + size, NULL, NULL, NULL, 0);
    leave();
    return result;
}
ALSO(fallocate64, fallocate);

PUBLIC int posix_fallocate(int descriptor, off_t offset, off_t size)
{
    int before = errno, error = fallocate(descriptor, 0, offset, size) == 0 ? 0 : errno;
    errno = before;
    return error;
}
ALSO(posix_fallocate64, posix_fallocate);

/* Copies inside the kernel are refused: every caller can also read and write. */
#define REFUSED_TO_COPY(target, number, ...)                                                                           \
    if (handle_of(target) == 0)                                                                                        \
        return syscall(number, __VA_ARGS__);                                                                           \
    errno = EINVAL;                                                                                                    \
    return -1

PUBLIC ssize_t copy_file_range(int in, off64_t *in_at, int out, off64_t *out_at, size_t size, unsigned flags)
{
    REFUSED_TO_COPY(out, SYS_copy_file_range, in, in_at, out, out_at, size, flags);
}

PUBLIC ssize_t sendfile(int out, int in, off_t *offset, size_t size)
{
    REFUSED_TO_COPY(out, SYS_sendfile, out, in, offset, size);
}
ALSO(sendfile64, sendfile);

PUBLIC ssize_t splice(int in, off64_t *in_at, int out, off64_t *out_at, size_t size, unsigned flags)
{
    REFUSED_TO_COPY(out, SYS_splice, in, in_at, out, out_at, size, flags);
}

/* SQLite keeps the index of its log in a shared mapping of a file that ends in -shm, and rebuilds it after a crash. */
PUBLIC void *mmap(void *address, size_t size, int protection, int flags, int descriptor, off_t offset)
{
    if ((flags & MAP_SHARED) && (protection & PROT_WRITE) && handle_of(descriptor) != 0) {
        char path[PATH_MAX], relative[PATH_MAX];
        snprintf(path, sizeof path, "/proc/self/fd/%d", descriptor);
        if (!locate(AT_FDCWD, path, 1, relative))
            strcpy(relative, "a deleted file");
        size_t length = strlen(relative);
        if (length < 4 || strcmp(relative + length - 4, "-shm") != 0) {
            enter();
            append(VOID, 0, 0, "a writable shared mapping of ", relative, NULL, 0);
            leave();
        }
    }
    return (void *)syscall(SYS_mmap, address, size, (long)protection, (long)flags, (long)descriptor, offset);
}
ALSO(mmap64, mmap);

/* ---- durability ---- */

static int synced(int descriptor, long number)
{
    uint64_t handle = handle_of(descriptor);
    if (handle == 0)
        return syscall(number, descriptor);
    enter();
    int result = syscall(number, descriptor);
    if (result == 0)
        append(SYNC, handle, 0, NULL, NULL, NULL, 0);
    leave();
    return result;
}

PUBLIC int fsync(int descriptor) { return synced(descriptor, SYS_fsync); }
PUBLIC int fdatasync(int descriptor) { return synced(descriptor, SYS_fdatasync); }

/* It writes pages out, but neither sizes nor the disk's own cache: it makes nothing durable, so nothing is recorded. */
PUBLIC int sync_file_range(int descriptor, off64_t offset, off64_t size, unsigned flags)
{
    return syscall(SYS_sync_file_range, descriptor, offset, size, flags);
}

PUBLIC void sync(void)
{
    if (!recording()) {
        syscall(SYS_sync);
        return;
    }
    enter();
    syscall(SYS_sync);
    append_path(SYNC_ALL, NULL);
    leave();
}

PUBLIC int syncfs(int descriptor)
{
    if (handle_of(descriptor) == 0)
        return syscall(SYS_syncfs, descriptor);
    enter();
    int result = syscall(SYS_syncfs, descriptor);
    if (result == 0)
        append_path(SYNC_ALL, NULL);
    leave();
    return result;
}

/* ---- names ---- */

static int renamed(int from, const char *old, int to, const char *new, unsigned flags)
{
    char source[PATH_MAX], target[PATH_MAX];
    if (!recording())
        return syscall(SYS_renameat2, from, old, to, new, flags);
    enter();
    int source_inside = locate(from, old, 0, source), target_inside = locate(to, new, 0, target);
    int result = syscall(SYS_renameat2, from, old, to, new, flags);
    if (result == 0 && (flags & RENAME_WHITEOUT) && source_inside)
        append_path(VOID, "a whiteout");
    else if (result == 0 && source_inside != target_inside)
        append_path(VOID, "a file was moved over the border of the folder");
    else if (result == 0 && source_inside)
        append(flags & RENAME_EXCHANGE ? EXCHANGE : RENAME, 0, 0, source, target, NULL, 0);
    leave();
    return result;
}

PUBLIC int rename(const char *old, const char *new) { return renamed(AT_FDCWD, old, AT_FDCWD, new, 0); }
PUBLIC int renameat(int from, const char *old, int to, const char *new) { return renamed(from, old, to, new, 0); }
PUBLIC int renameat2(int from, const char *old, int to, const char *new, unsigned flags)
{
    return renamed(from, old, to, new, flags);
}

PUBLIC int linkat(int from, const char *old, int to, const char *new, int flags)
{
    char source[PATH_MAX], target[PATH_MAX];
    if (!recording())
        return syscall(SYS_linkat, from, old, to, new, flags);
    enter();
    int source_inside = locate(from, old, (flags & AT_SYMLINK_FOLLOW) != 0, source);
    int target_inside = locate(to, new, 0, target);
    int result = syscall(SYS_linkat, from, old, to, new, flags);
    if (result == 0 && target_inside && !source_inside)
        append_path(VOID, "a link to a file outside of the folder, or to one without a name");
    else if (result == 0 && target_inside)
        append(LINK, 0, 0, source, target, NULL, 0);
    leave();
    return result;
}

PUBLIC int link(const char *old, const char *new) { return linkat(AT_FDCWD, old, AT_FDCWD, new, 0); }

PUBLIC int unlinkat(int from, const char *path, int flags)
{
    char relative[PATH_MAX];
    if (!recording())
        return syscall(SYS_unlinkat, from, path, flags);
    enter();
    int inside = locate(from, path, 0, relative);
    int result = syscall(SYS_unlinkat, from, path, flags);
    if (result == 0 && inside)
        append_path(flags & AT_REMOVEDIR ? RMDIR : UNLINK, relative);
    leave();
    return result;
}

PUBLIC int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }
PUBLIC int rmdir(const char *path) { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }
PUBLIC int remove(const char *path)
{
    int result = unlinkat(AT_FDCWD, path, 0);
    return result < 0 && errno == EISDIR ? unlinkat(AT_FDCWD, path, AT_REMOVEDIR) : result;
}

PUBLIC int mkdirat(int from, const char *path, mode_t mode)
{
    char relative[PATH_MAX];
    if (!recording())
        return syscall(SYS_mkdirat, from, path, mode);
    enter();
    int inside = locate(from, path, 0, relative);
    int result = syscall(SYS_mkdirat, from, path, mode);
    if (result == 0 && inside)
        append_path(MKDIR, relative);
    leave();
    return result;
}

PUBLIC int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }

PUBLIC int symlinkat(const char *text, int to, const char *path)
{
    char relative[PATH_MAX];
    if (!recording())
        return syscall(SYS_symlinkat, text, to, path);
    enter();
    int inside = locate(to, path, 0, relative);
    int result = syscall(SYS_symlinkat, text, to, path);
    if (result == 0 && inside)
        append(SYMLINK, 0, 0, relative, NULL, text, strlen(text));
    leave();
    return result;
}

PUBLIC int symlink(const char *text, const char *path) { return symlinkat(text, AT_FDCWD, path); }
