# shellcheck shell=bash
# What debian/control says. To be sourced after setup.sh has set $mediasync_root.

# build_dependencies [PROFILE…] — the packages of Build-Depends, one a line, those of debhelper's own left out. Those that
# a build profile leaves out, such as "nodoc", are left out where it is named.
build_dependencies() {
  awk -v profiles=" $* " '
    /^[^ \t]/ { inside = 0 }
    sub(/^Build-Depends:/, "") { inside = 1 }
    inside { text = text $0 }
    END {
      count = split(text, entries, ",")
      for (i = 1; i <= count; ++i) {
        split(entries[i], words, " ")
        profile = entries[i] ~ /<!/ ? entries[i] : ""
        gsub(/.*<!|>.*/, "", profile)
        if (words[1] ~ /^(debhelper-compat|dh-sequence-.*|)$/) continue
        if (profile != "" && index(profiles, " " profile " ")) continue
        print words[1]
      }
    }' "$mediasync_root/debian/control"
}
