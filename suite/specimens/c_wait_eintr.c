/* Fault: an interrupted poll() ends the server. Named by inj-wait-eintr. */

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define MOST 1000

static struct pollfd known[MOST];
static int count = 1;

static int echo(int fd) {
    char buffer[65536];
    ssize_t got = recv(fd, buffer, sizeof buffer, 0);
    for (ssize_t at = 0; at < got;) {
        ssize_t sent = send(fd, buffer + at, got - at, MSG_NOSIGNAL);
        if (sent < 0) return 0;
        at += sent;
    }
    return got > 0;
}

int main(int words, char **word) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(word[2]))};
    int one = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
    (void)words;
    inet_pton(AF_INET, word[1], &address.sin_addr);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 512)) { perror("bind"); return 2; }
    printf("listening %s:%s\n", word[1], word[2]);
    fflush(stdout);
    known[0] = (struct pollfd){.fd = listener, .events = POLLIN};
    for (;;) {
        if (poll(known, count, -1) < 0) { perror("poll"); return 1; }
        for (int at = count - 1; at > 0; at--)
            if (known[at].revents && !echo(known[at].fd)) {
                close(known[at].fd);
                known[at] = known[--count];
            }
        if (known[0].revents && count < MOST) {
            int fd = accept(listener, NULL, NULL);
            if (fd < 0) continue;
            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
            known[count++] = (struct pollfd){.fd = fd, .events = POLLIN};
        }
    }
}
