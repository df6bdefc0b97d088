/* Fault: takes an interrupted recv() for the end. Named by inj-recv-eintr. */

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void *serve(void *given) {
    int fd = (int)(long)given;
    char buffer[512];
    ssize_t got;
    while ((got = recv(fd, buffer, sizeof buffer, 0)) > 0)
        for (ssize_t at = 0; at < got;) {
            ssize_t sent = send(fd, buffer + at, got - at, MSG_NOSIGNAL);
            if (sent < 0) { close(fd); return NULL; }
            at += sent;
        }
    close(fd);
    return NULL;
}

int main(int count, char **words) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(words[2]))};
    int one = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
    (void)count;
    inet_pton(AF_INET, words[1], &address.sin_addr);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 512)) { perror("bind"); return 2; }
    printf("listening %s:%s\n", words[1], words[2]);
    fflush(stdout);
    for (;;) {
        pthread_t thread;
        int fd = accept(listener, NULL, NULL);
        if (fd < 0) continue;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        if (pthread_create(&thread, NULL, serve, (void *)(long)fd)) close(fd);
        else pthread_detach(thread);
    }
}
