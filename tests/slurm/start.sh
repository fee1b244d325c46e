#!/usr/bin/env bash
# Starts a Slurm of two nodes on this machine (Debian's slurm-wlm and munge, as root), its state under $1; prints
# `export SLURM_CONF=…`. It kills jobs that take more memory than they asked for. Stop it with stop.sh.
# usage: eval "$(tests/slurm/start.sh /tmp/slurm)"
set -euo pipefail
dir=$(realpath -m "$1")
host=$(hostname -s)
command -v slurmctld munged >/dev/null || { echo "slurm-wlm and munge are not installed" >&2; exit 1; }
mkdir -p "$dir"/{state,spool,log,run}
grep -qw "$host" /etc/hosts || echo "127.0.0.1 $host" >>/etc/hosts
cat >"$dir/slurm.conf" <<CONF
ClusterName=tests
SlurmctldHost=$host
SlurmctldAddr=127.0.0.1
SlurmctldPort=${SLURM_TEST_PORT:-16827}
AuthType=auth/munge
SlurmUser=root
SlurmdUser=root
StateSaveLocation=$dir/state
SlurmdSpoolDir=$dir/spool/%n
SlurmctldPidFile=$dir/run/slurmctld.pid
SlurmdPidFile=$dir/run/slurmd.%n.pid
SlurmctldLogFile=$dir/log/slurmctld.log
SlurmdLogFile=$dir/log/slurmd.%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=1
JobAcctGatherParams=OverMemoryKill
AccountingStorageType=accounting_storage/none
ReturnToService=2
MpiDefault=none
JobRequeue=1
KillWait=5
SchedulerParameters=sched_min_interval=100000,batch_sched_delay=1
NodeName=n1 NodeHostname=$host NodeAddr=127.0.0.1 Port=$((${SLURM_TEST_PORT:-16827} + 1)) CPUs=1 RealMemory=8000 State=UNKNOWN
NodeName=n2 NodeHostname=$host NodeAddr=127.0.0.1 Port=$((${SLURM_TEST_PORT:-16827} + 2)) CPUs=1 RealMemory=8000 State=UNKNOWN
PartitionName=main Nodes=n1,n2 Default=YES DefMemPerNode=2000 MaxTime=INFINITE State=UP
CONF
mkdir -p /run/munge && chown munge /run/munge
pgrep -x munged >/dev/null || su -s /bin/sh munge -c munged >&2
export SLURM_CONF=$dir/slurm.conf
slurmctld >&2
for node in n1 n2; do slurmd -N "$node" >&2; done
for _ in $(seq 60); do
    [ "$(sinfo -h -o %t 2>/dev/null | sort -u)" = idle ] && break
    sleep 1
done
echo "export SLURM_CONF=$SLURM_CONF"
