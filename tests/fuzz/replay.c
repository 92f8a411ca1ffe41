/* Runs a target once over each file that is named: the corpus as a test, without libFuzzer. */
#include <stdio.h>
#include <stdlib.h>

#include "common/panic.h"
#include "tests/fuzz/fuzz.h"

enum { MAX_INPUT = 1 << 20 };

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        FILE *file = fopen(argv[i], "rb");
        if (!file)
            PANIC("cannot open %s", argv[i]);
        uint8_t *read = xmalloc(MAX_INPUT);
        size_t size = fread(read, 1, MAX_INPUT, file);
        fclose(file);
        /* Of its very size, so that reading beyond the end is seen. */
        uint8_t *input = xmemdup(read, size);
        free(read);
        LLVMFuzzerTestOneInput(input, size);
        free(input);
    }
    printf("%d inputs\n", argc - 1);
    return 0;
}
