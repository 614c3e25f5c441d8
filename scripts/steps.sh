# SPDX-License-Identifier: Apache-2.0
# Sourced, after environment.sh, by the scripts that run tests in steps.

step_names=()
step_starts=()

# step NAME: ends the step before and begins another.
step() {
  step_names+=("$*")
  step_starts+=("$SECONDS")
  printf '\n[%s] %s\n' "$(date +%T)" "$*" >&2
}

# Tests that ran as root leave logs in the build folder.
finish() {
  local status=$? at end
  own_build_folder || true
  [ ${#step_names[@]} -gt 0 ] || return 0
  step_starts+=("$SECONDS")
  {
    printf '\n%-32s minutes\n' step
    for at in "${!step_names[@]}"; do
      end=$((step_starts[at + 1] - step_starts[at]))
      printf '%-32s %5d.%d\n' "${step_names[at]}" $((end / 60)) $((end % 60 / 6))
    done
    end=$SECONDS
    printf '%-32s %5d.%d\n' all $((end / 60)) $((end % 60 / 6))
    [ $status -eq 0 ] || echo "FAILED: ${step_names[-1]}"
  } >&2
}
trap finish EXIT
