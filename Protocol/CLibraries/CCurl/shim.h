#include <curl/curl.h>

// Swift cannot call variadic functions: one door for each type of value. The names in parentheses get past the macros of
// the same names.

static inline CURLcode gatehouse_curl_set_long(CURL *easy, CURLoption option, long value) {
    return (curl_easy_setopt)(easy, option, value);
}

static inline CURLcode gatehouse_curl_set_offset(CURL *easy, CURLoption option, curl_off_t value) {
    return (curl_easy_setopt)(easy, option, value);
}

static inline CURLcode gatehouse_curl_set_string(CURL *easy, CURLoption option, const char *value) {
    return (curl_easy_setopt)(easy, option, value);
}

static inline CURLcode gatehouse_curl_set_bytes(CURL *easy, CURLoption option, const void *value) {
    return (curl_easy_setopt)(easy, option, value);
}

static inline CURLcode gatehouse_curl_set_pointer(CURL *easy, CURLoption option, void *value) {
    return (curl_easy_setopt)(easy, option, value);
}

static inline CURLcode gatehouse_curl_set_list(CURL *easy, CURLoption option, struct curl_slist *value) {
    return (curl_easy_setopt)(easy, option, value);
}

static inline CURLcode gatehouse_curl_set_write(CURL *easy, CURLoption option, curl_write_callback value) {
    return (curl_easy_setopt)(easy, option, value);
}

static inline CURLcode gatehouse_curl_set_read(CURL *easy, CURLoption option, curl_read_callback value) {
    return (curl_easy_setopt)(easy, option, value);
}

static inline CURLcode gatehouse_curl_set_prereq(CURL *easy, CURLoption option, curl_prereq_callback value) {
    return (curl_easy_setopt)(easy, option, value);
}

static inline CURLcode gatehouse_curl_get_long(CURL *easy, CURLINFO info, long *value) {
    return (curl_easy_getinfo)(easy, info, value);
}

static inline CURLcode gatehouse_curl_get_offset(CURL *easy, CURLINFO info, curl_off_t *value) {
    return (curl_easy_getinfo)(easy, info, value);
}

static inline CURLMcode gatehouse_curl_multi_set_long(CURLM *multi, CURLMoption option, long value) {
    return (curl_multi_setopt)(multi, option, value);
}

static inline CURLcode gatehouse_curl_set_debug(CURL *easy, CURLoption option, curl_debug_callback value) {
    return (curl_easy_setopt)(easy, option, value);
}

static inline CURLcode gatehouse_curl_set_progress(CURL *easy, CURLoption option, curl_xferinfo_callback value) {
    return (curl_easy_setopt)(easy, option, value);
}
