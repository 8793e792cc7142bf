#include <curl/curl.h>

// Swift cannot call variadic functions: a typed door for each kind of value. The names stand in parentheses to get past
// libcurl's type-checking macros.

static inline CURLcode gatehouse_curl_set_long(CURL *handle, CURLoption option, long value) {
    return (curl_easy_setopt)(handle, option, value);
}

/// libcurl copies the text, except for CURLOPT_POSTFIELDS.
static inline CURLcode gatehouse_curl_set_text(CURL *handle, CURLoption option, const char *value) {
    return (curl_easy_setopt)(handle, option, value);
}

static inline CURLcode gatehouse_curl_set_pointer(CURL *handle, CURLoption option, const void *value) {
    return (curl_easy_setopt)(handle, option, value);
}

static inline CURLcode gatehouse_curl_set_size(CURL *handle, CURLoption option, curl_off_t value) {
    return (curl_easy_setopt)(handle, option, value);
}

typedef size_t (*gatehouse_curl_sink)(char *bytes, size_t size, size_t count, void *context);

static inline CURLcode gatehouse_curl_set_sink(CURL *handle, CURLoption option, gatehouse_curl_sink sink) {
    return (curl_easy_setopt)(handle, option, sink);
}

static inline CURLcode gatehouse_curl_get_long(CURL *handle, CURLINFO info, long *value) {
    return (curl_easy_getinfo)(handle, info, value);
}

static inline CURLcode gatehouse_curl_get_pointer(CURL *handle, CURLINFO info, void **value) {
    return (curl_easy_getinfo)(handle, info, value);
}

static inline CURLMcode gatehouse_curl_multi_set_long(CURLM *multi, CURLMoption option, long value) {
    return (curl_multi_setopt)(multi, option, value);
}

/// The result of a finished transfer; libcurl keeps it in a union.
static inline CURLcode gatehouse_curl_message_result(const CURLMsg *message) { return message->data.result; }
