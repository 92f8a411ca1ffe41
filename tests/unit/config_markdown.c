/* Prints docs/configuration.md; what `websub-hub --print-config-markdown` prints, without the hub.
 */
#include "common/config.h"

int main(void)
{
    config_print_markdown(stdout);
    return 0;
}
