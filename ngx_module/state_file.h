// State files in the master, which opens them, and reads them when a zone is new. Nothing of it is seen in the tables
// of a zone that is in use before the configuration is in force: a reload may fail yet.
#pragma once

#include "core/persistence/state_keeper.h"
#include "ngx_module/conf.h"
#include "ngx_module/nginx.h"

namespace mediasync::ngx {

// A file that this NGINX has open. Workers inherit the descriptors, whoever their user is.
struct OpenFile {
  std::uint32_t number = 0;  // among all that it has ever opened
  int halves[2] = {-1, -1};
};

// Opens the two halves of the zone's state file, and notes which one it is in the configuration. Fills the zone from it
// when the zone is new, or marks it as pending while others still use the file. False, which is said: the file is not
// one to be used, or another NGINX has it.
bool openState(ZoneConf&, bool isNewZone, ngx_log_t*);
// The configuration is in force, with its files.
void useState(ZoneConf&, const ngx_core_conf_t&);
// Closes the files that no zone of the configuration has.
void closeOtherStates(const ngx_array_t* zones);

// ---- for workers, too

// Null when the zone has none.
const OpenFile* stateFileOf(const ZoneConf&);
// Fills the zone, which nobody uses, from its file.
void loadState(const ZoneConf&, const OpenFile&, ngx_log_t*);
// Nobody is served before the file has been read, by a worker, once others have ended.
void awaitOthers(const ZoneConf&, ngx_log_t*);
persistence::NewestSnapshot newestIn(const int (&halves)[2]);

}  // namespace mediasync::ngx
