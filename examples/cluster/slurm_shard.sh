#!/bin/bash
# A task of a Slurm array predicts a shard; slurm_merge.sh joins them. Submit both:
#
#   shards=$(sbatch --parsable slurm_shard.sh)
#   sbatch --dependency=afterok:"$shards" slurm_merge.sh
#
# A shard that is lost is made again, `sbatch --array=3 slurm_shard.sh`; those that are whole stay.
# All nodes have to see DIGITS and SHARDS, by the same paths.
#SBATCH --job-name=digits
#SBATCH --array=1-4
#SBATCH --cpus-per-task=4
#SBATCH --mem=4G
#SBATCH --requeue
set -euo pipefail

digits=${DIGITS:-/shared/digits}
out=${SHARDS:-/shared/shards}/$SLURM_ARRAY_TASK_ID

# As many as the array has, not SLURM_ARRAY_TASK_COUNT: that is 1 where one shard is made again.
of=4

# Whatever images are unreadable, the shard is whole: the limit is that of slurm_merge.sh.
# A task that was stopped, and is requeued, goes on from what it has finished.
[ -e "$out/_SUCCESS" ] || mnist-batch predict "$digits" --out "$out/" \
    --shard "$SLURM_ARRAY_TASK_ID/$of" --workers "$SLURM_CPUS_PER_TASK" --resume --no-report \
    --max-errors 100%
