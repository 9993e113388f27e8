#!/bin/sh
# The steps of the image, for the Dockerfile and for a test without a container engine. In the project's folder:
#
#   deploy/install.sh packages /srv    a virtual environment with what requirements.lock names, in /srv/venv
#   deploy/install.sh files /srv       the static files, in /srv/static
set -eu
step=$1
target=$2

case $step in
packages)
  python3 -m venv "$target/venv"
  "$target/venv/bin/pip" install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
  ;;
files)
  # The settings have to be well-formed; nothing of them is used or kept.
  export SECRET_KEY=only-for-collecting-static-files-and-not-used-otherwise
  export ENCRYPTION_KEYS=k1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=
  export DATABASE_URL=postgresql://none/none REDIS_URL=redis://none
  STATIC_ROOT=$target/static "$target/venv/bin/python" manage.py collectstatic --no-input --verbosity 0
  ;;
*)
  echo "deploy/install.sh packages|files FOLDER" >&2
  exit 2
  ;;
esac
