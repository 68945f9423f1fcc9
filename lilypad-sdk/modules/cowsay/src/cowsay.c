/* A cow with a message in its bubble: arguments are joined by blanks, filled to 39 columns, boxed, and written to
 * standard output. Blank lines separate paragraphs. Text is UTF-8; a character outside ASCII counts by its width.
 *
 * Build: ../build.sh */

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COLUMNS 39

/* Text that grows. */
struct text {
    char *bytes;
    size_t length, room;
};

static void put(struct text *text, const char *bytes, size_t length) {
    if (!text->bytes || length > text->room - text->length) {
        size_t room = text->room * 2 + length + 256;
        char *grown = realloc(text->bytes, room);
        if (!grown) _exit(1);
        text->bytes = grown;
        text->room = room;
    }
    memcpy(text->bytes + text->length, bytes, length);
    text->length += length;
}

static void put_line(struct text *text, const char *line) { put(text, line, strlen(line)); }

static void repeat(struct text *text, char c, size_t times) {
    while (times--) put(text, &c, 1);
}

static int is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

/* Reads one code point; gives its length in bytes. A byte that fits nowhere is a character of its own. */
static size_t decode(const char *at, size_t left, unsigned *code) {
    const unsigned char *byte = (const unsigned char *)at;
    size_t length = byte[0] < 0x80 ? 1 : byte[0] >= 0xf0 ? 4 : byte[0] >= 0xe0 ? 3 : byte[0] >= 0xc0 ? 2 : 1;
    *code = byte[0];
    if (length == 1 || length > left) return 1;
    unsigned value = byte[0] & (0xff >> (length + 1));
    for (size_t i = 1; i < length; i++) {
        if ((byte[i] & 0xc0) != 0x80) return 1;
        value = value << 6 | (byte[i] & 0x3f);
    }
    *code = value;
    return length;
}

/* Columns a character takes on a terminal. */
static int width_of(unsigned code) {
    static const unsigned none[][2] = {{0x300, 0x36f}, {0x200b, 0x200f}, {0x20d0, 0x20ff}, {0xfe00, 0xfe0f}};
    static const unsigned two[][2] = {
        {0x1100, 0x115f},   {0x2e80, 0x303e},   {0x3041, 0xa4cf},   {0xac00, 0xd7a3},   {0xf900, 0xfaff},
        {0xfe30, 0xfe6f},   {0xff00, 0xff60},   {0xffe0, 0xffe6},   {0x1f300, 0x1f64f}, {0x1f680, 0x1f6ff},
        {0x1f900, 0x1f9ff}, {0x20000, 0x3fffd},
    };
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        if (code >= none[i][0] && code <= none[i][1]) return 0;
    for (size_t i = 0; i < sizeof two / sizeof *two; i++)
        if (code >= two[i][0] && code <= two[i][1]) return 2;
    return 1;
}

static size_t width(const char *line, size_t length) {
    size_t columns = 0;
    for (size_t at = 0; at < length;) {
        unsigned code;
        at += decode(line + at, length - at, &code);
        columns += (size_t)width_of(code);
    }
    return columns;
}

/* Breaks one paragraph, whose blanks are single spaces, into lines: each takes as much as fits before a blank or the end;
 * a longer word is cut. Lines end with a newline; the last one keeps a blank that was left over. */
static void wrap(struct text *lines, const char *text, size_t length) {
    size_t at = 0, last_blank = 0;
    int first = 1;
    while (!(at == length || (at + 1 == length && text[at] == ' '))) {
        size_t best = 0, end = at, chars = 0;
        int found = 0;
        for (;;) {
            if (end == length || text[end] == ' ') {
                best = end;
                found = 1;
            }
            if (end == length) break;
            unsigned code;
            size_t size = decode(text + end, length - end, &code);
            if (width_of(code) > 0 && ++chars > COLUMNS) break;
            end += size;
        }
        size_t stop = found ? best : end;
        if (!first) put(lines, "\n", 1);
        first = 0;
        put(lines, text + at, stop - at);
        at = stop;
        last_blank = found && at < length;
        if (last_blank) at++;
    }
    if (last_blank) put(lines, " ", 1);
    put(lines, "\n", 1);
}

/* Splits at every newline that blanks follow, squeezes blanks, and wraps. Paragraphs are one empty line apart. */
static struct text fill(const struct text *message) {
    struct text lines = {0}, paragraph = {0};
    const char *text = message->bytes;
    size_t length = message->length, at = 0;
    while (at < length) {
        size_t end = at;
        while (end < length && !(text[end] == '\n' && end + 1 < length && is_blank(text[end + 1]))) end++;
        paragraph.length = 0;
        for (size_t i = at; i < end; i++) {
            if (!is_blank(text[i])) put(&paragraph, text + i, 1);
            else if (i == at || !is_blank(text[i - 1])) put(&paragraph, " ", 1);
        }
        if (at > 0) put(&lines, "\n", 1);
        wrap(&lines, paragraph.bytes, paragraph.length);
        while (end < length && is_blank(text[end])) end++;
        at = end;
    }
    while (lines.length && lines.bytes[lines.length - 1] == '\n') lines.length--;
    free(paragraph.bytes);
    return lines;
}

static void bubble(struct text *out, const struct text *lines) {
    size_t widest = 0, count = 1, index = 0;
    for (size_t at = 0, start = 0; at <= lines->length; at++) {
        if (at < lines->length && lines->bytes[at] != '\n') continue;
        size_t columns = width(lines->bytes + start, at - start);
        if (columns > widest) widest = columns;
        if (at < lines->length) count++;
        start = at + 1;
    }
    put(out, " ", 1);
    repeat(out, '_', widest + 2);
    put_line(out, " \n");
    for (size_t at = 0, start = 0; at <= lines->length; at++) {
        if (at < lines->length && lines->bytes[at] != '\n') continue;
        const char *sides = count == 1 ? "<>" : index == 0 ? "/\\" : index + 1 == count ? "\\/" : "||";
        put(out, sides, 1);
        put(out, " ", 1);
        put(out, lines->bytes + start, at - start);
        repeat(out, ' ', widest - width(lines->bytes + start, at - start) + 1);
        put(out, sides + 1, 1);
        put(out, "\n", 1);
        index++;
        start = at + 1;
    }
    put(out, " ", 1);
    repeat(out, '-', widest + 2);
    put_line(out, " \n");
}

int main(int argc, char **argv) {
    struct text message = {0}, out = {0};
    put(&message, "", 0);
    for (int i = 1; i < argc; i++) {
        if (i > 1) put(&message, " ", 1);
        put_line(&message, argv[i]);
    }
    struct text lines = fill(&message);
    put(&lines, "", 0);
    bubble(&out, &lines);
    put_line(&out, "        \\   ^__^\n"
                   "         \\  (oo)\\_______\n"
                   "            (__)\\       )\\/\\\n"
                   "                ||----w |\n"
                   "                ||     ||\n");
    for (size_t at = 0; at < out.length;) {
        ssize_t written = write(STDOUT_FILENO, out.bytes + at, out.length - at);
        if (written <= 0) return 1;
        at += (size_t)written;
    }
    return 0;
}
