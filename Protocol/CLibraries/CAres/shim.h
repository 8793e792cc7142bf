#pragma once
#include <ares.h>
#include <poll.h>
#include <stddef.h>
#include <sys/eventfd.h>

// Waits for the doorbell of the thread, for the sockets of a channel, when there is one, and for what it waits itself; then does
// what is due. c-ares tells of 16 sockets at most, which are those of eight servers. -1 milliseconds is for ever.
static inline void gatehouse_ares_wait(ares_channel channel, int bell, int milliseconds) {
    ares_socket_t sockets[ARES_GETSOCK_MAXNUM];
    struct pollfd polled[ARES_GETSOCK_MAXNUM + 1];
    int count = 0, limit = milliseconds;
    if (channel) {
        unsigned wanted = (unsigned)ares_getsock(channel, sockets, ARES_GETSOCK_MAXNUM);
        for (int i = 0; i < ARES_GETSOCK_MAXNUM; i++) {
            short events = (short)((wanted >> i & 1 ? POLLIN : 0) |
                                   (wanted >> (i + ARES_GETSOCK_MAXNUM) & 1 ? POLLOUT : 0));
            if (events) polled[count++] = (struct pollfd){.fd = sockets[i], .events = events};
        }
        struct timeval next, *timeout = ares_timeout(channel, NULL, &next);
        if (timeout) {
            int own = (int)(timeout->tv_sec * 1000 + (timeout->tv_usec + 999) / 1000);
            if (limit < 0 || own < limit) limit = own;
        }
    }
    polled[count] = (struct pollfd){.fd = bell, .events = POLLIN};
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
    if (channel) ares_process_fd(channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}

static inline int gatehouse_ares_open_with(
    ares_channel *channel, const char *servers, int milliseconds, int tries, int flags) {
    struct ares_options options = {.flags = flags, .timeout = milliseconds, .tries = tries};
    int code = ares_init_options(channel, &options, ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES);
    if (code != ARES_SUCCESS || !servers) return code;
    code = ares_set_servers_ports_csv(*channel, servers);
    if (code != ARES_SUCCESS) ares_destroy(*channel);
    return code;
}

// A channel that asks only the servers given, or those of the system without any (`servers` is NULL).
static inline int gatehouse_ares_open(ares_channel *channel, const char *servers, int milliseconds, int tries) {
    int flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES;
    int code = gatehouse_ares_open_with(channel, servers, milliseconds, tries, flags);
    if (code != ARES_SUCCESS) return code;
    struct ares_addr_port_node *list = NULL;
    int isOnlyOne = ares_get_servers_ports(*channel, &list) == ARES_SUCCESS && list && !list->next;
    ares_free_data(list);
    if (!isOnlyOne) return ARES_SUCCESS;
    // A refusal makes c-ares ask the next server and forget it. Where there is none, it is the answer.
    ares_destroy(*channel);
    return gatehouse_ares_open_with(channel, servers, milliseconds, tries, flags | ARES_FLAG_NOCHECKRESP);
}
