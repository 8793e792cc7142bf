#pragma once
#include <crypt.h>
#include <stdlib.h>
#include <string.h>

// Doorway for what Swift cannot hold: the working area of crypt_r has members that are too long for it.
//
// Writes the hash with its NUL to `hash`, which has room for CRYPT_OUTPUT_SIZE octets. Returns 0; 1 when the setting is not
// one that the library knows; 2 without memory.
static inline int gatehouse_crypt(const char *password, const char *setting, char *hash) {
    struct crypt_data *area = (struct crypt_data *)calloc(1, sizeof *area);
    if (!area) return 2;
    // "*0" and "*1" stand for a failure (crypt(3)); no hash begins so.
    const char *made = crypt_r(password, setting, area);
    int failed = !made || made[0] == '*';
    if (!failed) memcpy(hash, made, strlen(made) + 1);
    explicit_bzero(area, sizeof *area);
    free(area);
    return failed;
}

enum { gatehouse_crypt_output_size = CRYPT_OUTPUT_SIZE };
