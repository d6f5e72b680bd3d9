// The directives of the module, each in one row of a table: what NGINX is told of it, what holds where nothing is said,
// and what a block takes over from the one around it.
#pragma once

#include "ngx_module/conf.h"

namespace mediasync::ngx {

// As a module has them, with an empty one at the end.
ngx_command_t* commands();

// Of a block that has yet to be read: none has been said.
void unsetDirectives(LocConf&);

// For each directive that a block does not have, what holds in the one around it, or the default. False when memory is
// out.
bool mergeDirectives(ngx_conf_t*, LocConf&, const LocConf& outer);

}  // namespace mediasync::ngx
