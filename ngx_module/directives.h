// The directives of the module, each in one row of a table: its entry for NGINX, its default, and its inheritance by
// blocks.
#pragma once

#include "ngx_module/conf.h"

namespace mediasync::ngx {

// The commands of the module, with an empty one at the end.
ngx_command_t* commands();

// Resets the directives of a block that has yet to be read.
void unsetDirectives(LocConf&);

// For each directive that a block does not have, what holds in the one around it, or the default. False when memory is
// out.
bool mergeDirectives(ngx_conf_t*, LocConf&, const LocConf& outer);

}  // namespace mediasync::ngx
