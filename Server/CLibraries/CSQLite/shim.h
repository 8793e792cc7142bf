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
