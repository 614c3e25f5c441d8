# SPDX-License-Identifier: Apache-2.0
# Sourced, in the repository's folder, by the scripts that build: how ccache is used, and whose the
# build folder is.

# Objects are shared between checkouts: paths in this one count from here, and where it lies is
# left out. Precompiled headers take the sloppiness.
export CCACHE_BASEDIR=${CCACHE_BASEDIR:-$PWD}
export CCACHE_NOHASHDIR=${CCACHE_NOHASHDIR:-1}
export CCACHE_SLOPPINESS=${CCACHE_SLOPPINESS:-pch_defines,time_macros}

# The words before a command that builds. Under sudo that is done by the user who called it, so that
# the same folder can be built without sudo the next time; in a checkout of somebody else's it is
# not, since that user could write nothing there.
builder=()
if [ "$(id -u)" -eq 0 ] && [ "${SUDO_UID:-0}" -ne 0 ] && [ "$(stat -c %u .)" -eq "$SUDO_UID" ]; then
  builder=(setpriv "--reuid=$SUDO_UID" "--regid=$SUDO_GID" --init-groups
    env "HOME=$(getent passwd "$SUDO_UID" | cut -d: -f6)" "USER=$SUDO_USER" "LOGNAME=$SUDO_USER")
fi

# Gives the build folder to the one who builds: what root left there, by a test or a build of its
# own, nobody else could replace.
own_build_folder() {
  local uid=$EUID
  [ ${#builder[@]} -eq 0 ] || uid=$SUDO_UID
  [ "$uid" -ne 0 ] && [ -n "$(find build ! -uid "$uid" -print -quit 2>/dev/null)" ] || return 0
  if [ "$EUID" -eq 0 ]; then
    chown -R --no-dereference "$SUDO_UID:$SUDO_GID" build
  else
    echo "scripts/${0##*/}: build/ has files of another user, from a run as root; make them yours:" \
      "sudo chown -R $(id -un): $PWD/build" >&2
    return 1
  fi
}
