#pragma once
#include <sqlite3.h>

// Doorways for what Swift cannot call: variadic functions, and the destructor constant SQLITE_TRANSIENT
// (a cast of -1 to a function pointer), which tells SQLite to copy the bytes before the call returns.

static inline int gatehouse_sqlite3_bind_text(sqlite3_stmt *statement, int index, const char *bytes,
                                               sqlite3_uint64 count) {
    return sqlite3_bind_text64(statement, index, bytes ? bytes : "", count, SQLITE_TRANSIENT, SQLITE_UTF8);
}

static inline int gatehouse_sqlite3_bind_blob(sqlite3_stmt *statement, int index, const void *bytes,
                                               sqlite3_uint64 count) {
    return sqlite3_bind_blob64(statement, index, bytes ? bytes : "", count, SQLITE_TRANSIENT);
}

static inline int gatehouse_sqlite3_db_config(sqlite3 *connection, int option, int value) {
    return sqlite3_db_config(connection, option, value, (int *)0);
}

static inline int gatehouse_sqlite3_turn_off_memory_statistics(void) {
    return sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

// The index of the write-ahead log, which SQLite keeps in memory that all connections and processes share
// (<https://www.sqlite.org/walformat.html#the_wal_index_file_format>). It begins with 48 octets, twice, that are others
// after each commit; SQLite's own readers compare them to learn whether what they have cached still holds.

typedef struct {
    unsigned int words[12];
} gatehouse_sqlite3_log_state;

// Only for a connection that has read from a file with such a log. Valid until that connection is closed.
static inline const volatile unsigned int *gatehouse_sqlite3_log_index(sqlite3 *connection) {
    sqlite3_file *file = 0;
    volatile void *index = 0;
    if (sqlite3_file_control(connection, "main", SQLITE_FCNTL_FILE_POINTER, &file) != SQLITE_OK || !file ||
        !file->pMethods || file->pMethods->iVersion < 2 ||
        file->pMethods->xShmMap(file, 0, 32768, 0, &index) != SQLITE_OK)
        return 0;
    return (const volatile unsigned int *)index;
}

// Returns 0 when the two copies differ, as they do while a commit is being made known. They are read in the order
// opposite to that in which they are written.
static inline int gatehouse_sqlite3_log_state_read(const volatile unsigned int *index,
                                                   gatehouse_sqlite3_log_state *state) {
    int same = 1;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    for (int i = 0; i < 12; i++) state->words[i] = __atomic_load_n(index + i, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    for (int i = 0; i < 12; i++) same &= state->words[i] == __atomic_load_n(index + 12 + i, __ATOMIC_RELAXED);
    return same;
}

static inline int gatehouse_sqlite3_log_state_equals(const gatehouse_sqlite3_log_state *a,
                                                     const gatehouse_sqlite3_log_state *b) {
    return __builtin_memcmp(a, b, sizeof *a) == 0;
}
