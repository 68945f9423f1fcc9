/* Greets on standard output and in /outputs/hello.txt. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv) {
    const char *name = argc > 1 ? argv[1] : "world";
    const char *path = "/outputs/hello.txt";
    printf("hello, %s\n", name);
    FILE *file = fopen(path, "w");
    if (!file || fprintf(file, "hello, %s\n", name) < 0 || fclose(file) != 0) {
        fprintf(stderr, "cannot write %s: %s\n", path, strerror(errno));
        return 1;
    }
    return 0;
}
