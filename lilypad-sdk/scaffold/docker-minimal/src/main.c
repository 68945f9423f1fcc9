/* Greets whoever is named in the first argument, on stdout and in /outputs/greeting.txt. */
#include <stdio.h>

int main(int argc, char **argv) {
    const char *name = argc > 1 ? argv[1] : "world";
    printf("hello, %s\n", name);
    FILE *file = fopen("/outputs/greeting.txt", "w");
    if (file == NULL) {
        perror("/outputs/greeting.txt");
        return 1;
    }
    fprintf(file, "hello, %s\n", name);
    return fclose(file) == 0 ? 0 : 1;
}
