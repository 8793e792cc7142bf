#pragma once
#include <ares.h>
#include <poll.h>
#include <sys/eventfd.h>

// What one look at a channel is about: at most as many sockets as c-ares tells of, and the doorbell of its thread.
static inline int gatehouse_ares_wait(ares_channel channel, int bell, int milliseconds) {
    ares_socket_t sockets[ARES_GETSOCK_MAXNUM];
    struct pollfd polled[ARES_GETSOCK_MAXNUM + 1];
    int wanted = ares_getsock(channel, sockets, ARES_GETSOCK_MAXNUM), count = 0;
    for (int i = 0; i < ARES_GETSOCK_MAXNUM; i++) {
        short events = (short)((ARES_GETSOCK_READABLE(wanted, i) ? POLLIN : 0) |
                               (ARES_GETSOCK_WRITABLE(wanted, i) ? POLLOUT : 0));
        if (events) polled[count++] = (struct pollfd){.fd = sockets[i], .events = events};
    }
    polled[count] = (struct pollfd){.fd = bell, .events = POLLIN};
    struct timeval longest = {milliseconds / 1000, milliseconds % 1000 * 1000}, next;
    struct timeval *timeout = ares_timeout(channel, &longest, &next);
    int limit = (int)(timeout->tv_sec * 1000 + (timeout->tv_usec + 999) / 1000);
    if (poll(polled, (nfds_t)count + 1, limit) > 0) {
        eventfd_t rings;
        if (polled[count].revents) (void)eventfd_read(bell, &rings);
        for (int i = 0; i < count; i++) {
            if (!polled[i].revents) continue;
            int broken = polled[i].revents & (POLLERR | POLLHUP | POLLNVAL);
            ares_process_fd(channel, polled[i].revents & POLLIN || broken ? polled[i].fd : ARES_SOCKET_BAD,
                            polled[i].revents & POLLOUT ? polled[i].fd : ARES_SOCKET_BAD);
        }
    }
    // What is late is asked again, or given up.
    ares_process_fd(channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    return 0;
}

// A channel that asks only the servers given, or those of the system without any (`servers` is NULL).
static inline int gatehouse_ares_open(ares_channel *channel, const char *servers, int milliseconds, int tries) {
    struct ares_options options = {.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES, .timeout = milliseconds, .tries = tries};
    int code = ares_init_options(channel, &options, ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES);
    if (code != ARES_SUCCESS || !servers) return code;
    code = ares_set_servers_ports_csv(*channel, servers);
    if (code != ARES_SUCCESS) ares_destroy(*channel);
    return code;
}
