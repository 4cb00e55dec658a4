#!/bin/bash
# Joins the shards that slurm_shard.sh predicts into one file, with its report.
#SBATCH --job-name=digits-merge
#SBATCH --cpus-per-task=1
#SBATCH --mem=4G
set -euo pipefail

digits=${DIGITS:-/shared/digits}
shards=${SHARDS:-/shared/shards}

mnist-batch merge "$shards"/*/ --out "$shards.parquet" --images "$digits" --overwrite \
    --max-errors 10%
