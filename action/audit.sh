#!/bin/bash
# Runs the audit, writes outputs and a summary of the job, and ends with the exit code of the audit.
set -uo pipefail
out="${FACEWARDEN_OUT:-facewarden-audit}"
command=(facewarden audit --out "$out" --junit "$out/junit.xml" --sarif "$out/facewarden.sarif")
# arguments are words as a shell reads them, without anything that a shell would run
while IFS= read -r -d '' word; do command+=("$word"); done < <(
  FACEWARDEN_ARGUMENTS="${FACEWARDEN_ARGUMENTS:-}" python -c '
import os, shlex, sys
sys.stdout.write("".join(word + "\0" for word in shlex.split(os.environ["FACEWARDEN_ARGUMENTS"])))'
)
[ -n "${FACEWARDEN_FAIL_ON:-}" ] && command+=(--fail-on "$FACEWARDEN_FAIL_ON")
[ -n "${FACEWARDEN_AGAINST:-}" ] && command+=(--against "$FACEWARDEN_AGAINST")
printf '%q ' "${command[@]}"; echo
"${command[@]}" | tee "${RUNNER_TEMP:-.}/facewarden.log"
code=${PIPESTATUS[0]}
{
  echo "passed=$([ "$code" -eq 0 ] && echo true || echo false)"
  # an audit that ended on bad input wrote neither
  [ -f "$out/report.html" ] && echo "report=$out/report.html"
  [ -f "$out/facewarden.sarif" ] && echo "sarif=$out/facewarden.sarif"
} >> "${GITHUB_OUTPUT:-/dev/null}"
{
  echo '### facewarden audit'
  echo '```'
  cat "${RUNNER_TEMP:-.}/facewarden.log"
  echo '```'
} >> "${GITHUB_STEP_SUMMARY:-/dev/null}"
exit "$code"
