#!/usr/bin/env bash
# A SLURM of one node on this machine, without systemd, cgroups or GPUs, to try the profile `slurm` on. Debian or Ubuntu, root.
#   tools/local_slurm.sh up              installs what is missing, then starts munged, slurmctld and slurmd
#   tools/local_slurm.sh up accounting   the same with slurmdbd and MariaDB: sacct works, and account `lab` is needed
#   tools/local_slurm.sh down            stops all of them and removes their configuration and state
# The node has two generic GPUs, which are nothing but the files that SLURM wants to see: they prove scheduling, not CUDA.
set -euo pipefail

state=${LOCAL_SLURM_DIR:-/tmp/local-slurm}
marker="# by tools/local_slurm.sh"
host=$(hostname -s)
run=/run/munge
database_port=33306
[ "$(id -u)" = 0 ] || { echo "local_slurm.sh: must be root" >&2; exit 1; }
PATH=$PATH:/usr/sbin:/sbin

fail() {
  echo "local_slurm.sh: $*" >&2
  exit 1
}

install_missing() {
  local missing=() command package
  for pair in "$@"; do
    command=${pair%%=*} package=${pair#*=}
    type -P "$command" >/dev/null || missing+=("$package")
  done
  [ ${#missing[@]} = 0 ] && return
  type -P apt-get >/dev/null || fail "no apt-get here; install ${missing[*]}"
  # a package must not start its service
  apt-get update -qq && DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
    apt-get install -y -qq --no-install-recommends "${missing[@]}" >"$state/apt.log" 2>&1 || fail "see $state/apt.log"
}

# start NAME COMMAND...: a daemon that goes into the background by itself
start() {
  local name=$1
  shift
  "$@" >>"$state/$name.log" 2>&1 || fail "$name does not start, see $state/$name.log"
}

# wait_for WHAT COMMAND...: until the command succeeds
wait_for() {
  local what=$1
  shift
  for _ in $(seq 60); do
    timeout 5 "$@" >/dev/null 2>&1 && return
    sleep 0.5
  done
  fail "$what is not there after 30 s, see the logs in $state"
}

start_database() {
  local secret=$1
  mariadb-install-db --no-defaults --user=root --datadir="$state/database" --auth-root-authentication-method=normal \
    --skip-test-db >"$state/database.log" 2>&1 || fail "see $state/database.log"
  # in a session of its own, as the other daemons: what interrupts the caller must not reach it
  setsid mariadbd --no-defaults --user=root --datadir="$state/database" --socket="$state/database.sock" \
    --pid-file="$state/mariadbd.pid" --bind-address=127.0.0.1 --port=$database_port --innodb-buffer-pool-size=64M \
    >>"$state/database.log" 2>&1 &
  wait_for MariaDB mariadb-admin --no-defaults --socket="$state/database.sock" -u root ping
  mariadb --no-defaults --socket="$state/database.sock" -u root -e \
    "create user slurm@'%' identified by '$secret'; create user slurm@localhost identified by '$secret';
     grant all on slurm_acct_db.* to slurm@'%'; grant all on slurm_acct_db.* to slurm@localhost;"
  install -m 600 /dev/null /etc/slurm/slurmdbd.conf
  cat >/etc/slurm/slurmdbd.conf <<CONF
$marker
AuthType=auth/munge
DbdHost=localhost
SlurmUser=root
PidFile=$state/slurmdbd.pid
LogFile=$state/slurmdbd.log
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort=$database_port
StorageUser=slurm
StoragePass=$secret
StorageLoc=slurm_acct_db
CONF
  start slurmdbd slurmdbd
  wait_for slurmdbd sacctmgr -n show cluster
}

configure() {
  local accounting=$1 memory
  memory=$(awk '/MemTotal/ { m = int($2 / 1024 * 0.9); print m < 8000 ? m : 8000 }' /proc/meminfo)
  cat >/etc/slurm/slurm.conf <<CONF
$marker
ClusterName=local
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
StateSaveLocation=$state/state
SlurmdSpoolDir=$state/spool
SlurmctldPidFile=$state/slurmctld.pid
SlurmdPidFile=$state/slurmd.pid
SlurmctldLogFile=$state/slurmctld.log
SlurmdLogFile=$state/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
# a job that takes more memory than it asked for is killed, looked at every second
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=sched_interval=5
MpiDefault=none
ReturnToService=2
# finished jobs can be seen for an hour
MinJobAge=3600
GresTypes=gpu
NodeName=$host NodeAddr=127.0.0.1 CPUs=$(env -u OMP_NUM_THREADS nproc) RealMemory=$memory Gres=gpu:2 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=1440 State=UP
CONF
  if [ "$accounting" ]; then
    cat >>/etc/slurm/slurm.conf <<CONF
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=localhost
AccountingStorageEnforce=associations
AccountingStorageTRES=gres/gpu
AccountingStoreFlags=job_comment
CONF
  else
    echo AccountingStorageType=accounting_storage/none >>/etc/slurm/slurm.conf
  fi
  printf '%s\nName=gpu File=/dev/null\nName=gpu File=/dev/zero\n' "$marker" >/etc/slurm/gres.conf
}

up() {
  local accounting=${1:-} file
  [ -z "$accounting" ] || [ "$accounting" = accounting ] || fail "up $accounting? it is: up [accounting]"
  for file in /etc/slurm/{slurm,slurmdbd,gres}.conf; do
    [ ! -e "$file" ] || fail "$file is there; this machine has a SLURM already (if it is ours: $0 down)"
  done
  mkdir -p "$state"
  trap '[ $? = 0 ] || stop_all' EXIT # a half of it is of no use; the logs stay
  install_missing slurmctld=slurmctld slurmd=slurmd squeue=slurm-client munged=munge \
    ${accounting:+slurmdbd=slurmdbd mariadbd=mariadb-server mariadb=mariadb-client}
  mkdir -p "$state"/{state,spool} /etc/slurm $run
  chown munge:munge $run
  [ -e $run/munge.socket.2 ] && munge -n >/dev/null 2>&1 || {
    runuser -u munge -- "$(type -P munged)" --pid-file=$run/munged.pid --force
    touch "$state/our-munge"
  }
  configure "$accounting"
  if [ "$accounting" ]; then
    start_database "$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')"
    sacctmgr -i add cluster local >>"$state/sacctmgr.log" 2>&1 || true
    sacctmgr -i add account lab Cluster=local Description=lab Organization=lab >>"$state/sacctmgr.log"
    sacctmgr -i add user root Account=lab Cluster=local >>"$state/sacctmgr.log"
  fi
  start slurmctld slurmctld
  start slurmd slurmd
  wait_for "an idle node" sh -c 'sinfo -h -o %t | grep -qx idle'
  sinfo -N -o "%N %t %G %c cores %m MB"
}

# stop PIDFILE: and wait until it is gone
stop() {
  local pid
  [ -s "$1" ] && pid=$(cat "$1") && kill "$pid" 2>/dev/null || return 0
  for _ in $(seq 100); do
    case $(ps -o stat= -p "$pid") in "" | Z*) return 0 ;; esac
    sleep 0.1
  done
  kill -9 "$pid" 2>/dev/null || true
}

stop_all() {
  local name file
  if [ -s "$state/slurmctld.pid" ]; then
    timeout 10 scancel --user root 2>/dev/null || true
    (wait_for "the end of all jobs" sh -c '[ -z "$(squeue -h)" ]') || true
  fi
  for name in slurmd slurmctld slurmdbd mariadbd; do stop "$state/$name.pid"; done
  [ ! -e "$state/our-munge" ] || stop $run/munged.pid
  for file in /etc/slurm/{slurm,slurmdbd,gres}.conf; do
    ! grep -qxF "$marker" "$file" 2>/dev/null || rm "$file"
  done
}

case ${1:-} in
up) shift; up "$@" ;;
down)
  stop_all
  rm -rf "$state"
  ;;
*) sed -n '2,6s/^# \{0,1\}//p' "$0"; exit 2 ;;
esac
