# mnist-batch without a compiler, for any user, with a read-only root: see docs/install.md.
#
#   docker build --tag mnist-batch .
#   docker run --rm --read-only --network none --user "$(id -u):$(id -g)" --volume "$PWD:/work" \
#       mnist-batch predict digits --out predictions.parquet

FROM python:3.13-slim AS build
RUN apt-get update && apt-get install --yes --no-install-recommends gcc libc6-dev
WORKDIR /source
COPY . .
RUN python -m pip wheel --no-deps --wheel-dir /wheels .
# Of the lock, which has the libraries of every extra and of the tests, the versions alone.
RUN sed -n 's/^\([a-z].*\) \\$/\1/p' requirements.lock > /wheels/versions.txt
# Extras, as in --build-arg EXTRAS='[hub,keras]'.
ARG EXTRAS=
# Compiled to bytecode here, as it cannot be on a read-only root.
RUN python -m venv --without-pip /opt/mnist-batch \
    && python -m pip --python /opt/mnist-batch/bin/python install --no-cache-dir --compile \
        --constraint /wheels/versions.txt "$(echo /wheels/*.whl)$EXTRAS" \
    && /opt/mnist-batch/bin/python -P -c \
        'from mnist_batch import _kernels; raise SystemExit(not _kernels.ready())'

FROM python:3.13-slim
COPY --from=build /opt/mnist-batch /opt/mnist-batch
ENV PATH=/opt/mnist-batch/bin:$PATH
WORKDIR /work
# Nobody in particular: --user names who owns the output.
USER 10001:10001
ENTRYPOINT ["mnist-batch"]
