# One image for web, worker, beat and set-up. Build with ENGINES=full for the CLIP and TensorFlow engines (about 8 GB), with
# ENGINES=scale for Milvus and Spark, with ENGINES=gpu for NVIDIA's cards (about 5 GB; without one it uses the processor).
FROM python:3.12-slim

ARG ENGINES=light
ENV PYTHONUNBUFFERED=1 \
    FACESITE_DATA_DIR=/data \
    FACESITE_MODEL_DIR=/data/models \
    FACESITE_SFACE_MODEL=/models/sface.onnx

WORKDIR /app
COPY requirements.txt requirements-gpu.txt requirements-scale.txt Makefile ./
COPY .ci/python .ci/
RUN apt-get update \
    && apt-get install -y --no-install-recommends make libgomp1 postgresql-client \
    && rm -rf /var/lib/apt/lists/* \
    && make VENV=/venv $ENGINES-image
COPY recognition recognition
RUN /venv/bin/python -c "import os, pathlib; from recognition.embedders.sface import fetch_sface; \
    fetch_sface(pathlib.Path(os.environ['FACESITE_SFACE_MODEL']))"
COPY . .
RUN /venv/bin/python -m facesite.texts
RUN useradd --system --home /data facesite && mkdir -p /data && chown facesite /data
USER facesite
ENV PATH=/venv/bin:$PATH
EXPOSE 8000
CMD ["python", "-m", "facesite.server", "--host", "0.0.0.0"]
