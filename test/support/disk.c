/*
 * A disk that fails when the test says so, between one process and the C library (LD_PRELOAD). It stands in the way of the log's
 * files only: DISK_FILE and DISK_FILE-wal. See faulty-disk.ts, which compiles it.
 *
 * DISK_CONTROL: a file whose first byte is the mode, read at each call: '.' works, 'F' is full, 'E' fails, 'R' is read-only, 'H' hangs.
 * DISK_RECORD: if set, every change and every fsync is appended to this file:
 *   u8 kind ('w' write, 't' truncate, 's' sync), u8 file (0 or 1), u64 CLOCK_MONOTONIC in ns, u64 offset, u32 length, then the bytes.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define MAX_FDS 65536
#define REAL(name) ((__typeof__(&name))real(#name))

static signed char watched[MAX_FDS]; /* 0 no, 1 the database, 2 its write-ahead log */
static volatile const char *mode = ".";
static int record = -1;
static const char *file;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void *real(const char *name) { return dlsym(RTLD_NEXT, name); }

__attribute__((constructor)) static void start(void) {
  const char *control = getenv("DISK_CONTROL");
  const char *recordPath = getenv("DISK_RECORD");
  file = getenv("DISK_FILE");
  if (control) {
    int fd = REAL(open64)(control, O_RDONLY);
    if (fd >= 0) {
      void *page = mmap(NULL, 1, PROT_READ, MAP_SHARED, fd, 0);
      if (page != MAP_FAILED) mode = page;
    }
  }
  if (recordPath) record = REAL(open64)(recordPath, O_WRONLY | O_CREAT | O_APPEND, 0600);
}

static int watch(const char *path) {
  if (!file || !path) return 0;
  size_t length = strlen(file);
  if (strncmp(path, file, length) != 0) return 0;
  if (path[length] == 0) return 1;
  return strcmp(path + length, "-wal") == 0 ? 2 : 0;
}

static int of(int fd) { return fd >= 0 && fd < MAX_FDS ? watched[fd] : 0; }

/* 0 if the call may go on, else the error. */
static int problem(int isWrite) {
  while (*mode == 'H') usleep(5000);
  switch (*mode) {
    case 'F': return isWrite ? ENOSPC : 0;
    case 'R': return isWrite ? EROFS : 0;
    case 'E': return EIO;
    default: return 0;
  }
}

static void note(char kind, int fd, uint64_t offset, const void *bytes, uint32_t length) {
  if (record < 0) return;
  struct timespec now;
  char head[22];
  pthread_mutex_lock(&lock);
  clock_gettime(CLOCK_MONOTONIC, &now);
  uint64_t at = (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec;
  head[0] = kind;
  head[1] = (char)(of(fd) - 1);
  memcpy(head + 2, &at, 8);
  memcpy(head + 10, &offset, 8);
  memcpy(head + 18, &length, 4);
  struct iovec parts[2] = {{head, sizeof head}, {(void *)bytes, bytes ? length : 0}};
  if (writev(record, parts, bytes ? 2 : 1) < 0) abort();
  pthread_mutex_unlock(&lock);
}

int open64(const char *path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  unsigned int permissions = va_arg(more, unsigned int);
  va_end(more);
  int which = watch(path);
  int error = which ? problem((flags & O_ACCMODE) != O_RDONLY) : 0;
  /* A full disk opens what is there. */
  if (error && error != ENOSPC) {
    errno = error;
    return -1;
  }
  int fd = REAL(open64)(path, flags, permissions);
  if (fd >= 0 && fd < MAX_FDS) watched[fd] = (signed char)which;
  return fd;
}

int close(int fd) {
  if (fd >= 0 && fd < MAX_FDS) watched[fd] = 0;
  return REAL(close)(fd);
}

ssize_t pread64(int fd, void *bytes, size_t length, off64_t offset) {
  int error = of(fd) ? problem(0) : 0;
  if (error) {
    errno = error;
    return -1;
  }
  return REAL(pread64)(fd, bytes, length, offset);
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t offset) {
  int error = of(fd) ? problem(1) : 0;
  if (error) {
    errno = error;
    return -1;
  }
  ssize_t written = REAL(pwrite64)(fd, bytes, length, offset);
  if (of(fd) && written > 0) note('w', fd, (uint64_t)offset, bytes, (uint32_t)written);
  return written;
}

int ftruncate64(int fd, off64_t length) {
  int error = of(fd) ? problem(1) : 0;
  if (error && error != ENOSPC) {
    errno = error;
    return -1;
  }
  int result = REAL(ftruncate64)(fd, length);
  if (of(fd) && result == 0) note('t', fd, (uint64_t)length, NULL, 0);
  return result;
}

int fsync(int fd) {
  int error = of(fd) ? problem(0) : 0;
  if (error) {
    errno = error;
    return -1;
  }
  if (record >= 0 && of(fd)) {
    note('s', fd, 0, NULL, 0);
    return 0;
  }
  return REAL(fsync)(fd);
}
