"""Allow a configuration to name layers and settings of Keras, and neither code nor files.

Keras builds whatever a configuration names: a function within the file (Lambda), a program beside
it (TFSMLayer), a class of any module. So before Keras gets a configuration, each name in it, at any
depth, has to be on the lists below; and each number, which may stand for memory, has to be one that
a network for images of digits can need.

The lists hold the names of Keras 2.1 to 3.15 that such a network may be made of. None of these runs
code of the file or opens another file.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NoReturn

from mnist_batch.errors import ModelError
from mnist_batch.models.network_config import NETWORK_CLASSES, TRAINING_ONLY, Config, words

LAYERS = (
    NETWORK_CLASSES
    | TRAINING_ONLY
    | words("""
    Activation ActivityRegularization AdaptiveAveragePooling1D AdaptiveAveragePooling2D
    AdaptiveMaxPooling1D AdaptiveMaxPooling2D Add AdditiveAttention Attention AutoContrast
    Average AveragePooling1D AveragePooling2D AveragePooling3D BatchNormalization
    BatchNormalizationV1 BatchNormalizationV2 Bidirectional CenterCrop Concatenate Conv1D
    Conv1DTranspose Conv2D Conv2DTranspose Conv3D ConvLSTM1D ConvLSTM2D ConvLSTM3D Convolution1D
    Convolution2D Cropping1D Cropping2D CuDNNGRU CuDNNLSTM Dense DepthwiseConv1D DepthwiseConv2D
    Dot ELU EinsumDense Embedding Equalization Flatten GRU GRUCell GRUV2 GlobalAveragePooling1D
    GlobalAveragePooling2D GlobalAveragePooling3D GlobalMaxPooling1D GlobalMaxPooling2D
    GlobalMaxPooling3D GroupNormalization GroupQueryAttention GroupedQueryAttention Identity
    InputLayer LSTM LSTMCell LSTMV2 LayerNormalization LeakyReLU LocallyConnected1D
    LocallyConnected2D Masking MaxPooling1D MaxPooling2D MaxPooling3D Maximum Minimum
    MultiHeadAttention Multiply Normalization PReLU Permute Pipeline RMSNormalization RNN RandomCrop
    ReLU RepeatVector Rescaling Reshape Resizing SeparableConv1D SeparableConv2D
    SeparableConvolution1D SeparableConvolution2D SimpleRNN SimpleRNNCell Softmax
    SpectralNormalization StackedRNNCells Subtract SyncBatchNormalization ThresholdedReLU
    TimeDistributed UnitNormalization UpSampling1D UpSampling2D ZeroPadding1D ZeroPadding2D
    """)
)

ACTIVATIONS = words("""
    celu elu exponential gelu glu hard_shrink hard_sigmoid hard_silu hard_swish hard_tanh
    leaky_relu linear log_sigmoid log_softmax mish relu relu6 selu sigmoid silu soft_shrink
    softmax softmax_v2 softplus softsign sparse_plus sparse_sigmoid sparsemax squareplus swish
    tanh tanh_shrink threshold
    """)
INITIALIZERS = words("""
    Constant GlorotNormal GlorotUniform HeNormal HeUniform Identity IdentityInitializer
    LecunNormal LecunUniform Ones Orthogonal OrthogonalInitializer RandomNormal RandomUniform
    TruncatedNormal VarianceScaling Zeros constant glorot_normal glorot_uniform he_normal
    he_uniform identity lecun_normal lecun_uniform normal one ones orthogonal random_normal
    random_uniform truncated_normal uniform variance_scaling zero zeros
    """)
REGULARIZERS = words("L1 L1L2 L2 OrthogonalRegularizer l1 l1_l2 l2 orthogonal_regularizer")
CONSTRAINTS = words("""
    MaxNorm MinMaxNorm NonNeg UnitNorm max_norm maxnorm min_max_norm non_neg nonneg unit_norm
    unitnorm
    """)
DTYPES = words("""
    bfloat16 bool float16 float32 float64 int16 int32 int64 int8 mixed_bfloat16 mixed_float16
    uint16 uint32 uint64 uint8
    """)
POLICIES = words("""
    DTypePolicy FloatDTypePolicy Int4DTypePolicy Policy PolicyV1 QuantizedDTypePolicy
    QuantizedFloat8DTypePolicy
    """)
QUANTIZERS = words("""
    AbsMaxQuantizer Float8QuantizationConfig Int4QuantizationConfig Int8QuantizationConfig
    """)
VALUES = words("__ellipsis__ __keras_tensor__ __numpy__ __slice__ __tensor__")

KEYS = words("""
    activation activation_quantizer activity_regularizer alpha alpha_constraint
    alpha_initializer alpha_regularizer amax_history_length antialias attention_axes autocast
    axes axis backward_layer batch_input_shape batch_shape batch_size beta_constraint
    beta_initializer beta_regularizer bias_axes bias_constraint bias_initializer
    bias_regularizer block_size brightness_factor build_input_shape causal cell cells center
    constant_values contrast_factor crop_to_aspect_ratio cropping data_format data_type
    depth_multiplier depthwise_constraint depthwise_initializer depthwise_regularizer
    dilation_rate dims distribution dropout dtype dynamic embeddings_constraint
    embeddings_initializer embeddings_regularizer epsilon equation factor fill_mode fill_value
    filters flash_attention fused gain gamma_constraint gamma_initializer gamma_regularizer
    go_backwards groups head_dim height height_factor implementation initializer input_axes
    input_dim input_dtype input_layers input_length input_shape interpolation invert keepdims
    kernel_constraint kernel_initializer kernel_regularizer kernel_size key_dim key_shape l1 l2
    layer layers loss_scale lower mask_value mask_zero max_value maxval mean merge_mode
    min_value minval mode momentum moving_mean_initializer moving_variance_initializer n name
    negative_slope newshape noise_shape normalize num_constants num_heads num_key_value_heads
    num_query_heads offset optional output_axes output_dim output_dtype output_layers
    output_padding output_shape output_size pad_to_aspect_ratio padding pointwise_constraint
    pointwise_initializer pointwise_regularizer pool_size power_iterations quantization_config
    query_shape ragged rank rate recurrent_activation recurrent_constraint recurrent_dropout
    recurrent_initializer recurrent_regularizer renorm renorm_clipping renorm_momentum
    reset_after return_sequences return_state rms_scaling scale score_mode seed shape
    shared_axes sigma size sliding_window source_name sparse stateful stddev strides
    synchronized target_shape theta threshold time_major trainable unit_forget_bias units unroll
    upper use_bias use_cudnn use_gate use_scale value value_dim value_range value_shape variance
    virtual_batch_size weight_quantizer width width_factor x_factor x_max x_min y_factor
    zero_output_for_mask
    """)
OBJECT_KEYS = words("""
    backend build_config class_name compile_config config date_saved inbound_nodes keras_version
    module name registered_name shared_object_id
    """)

# Names that compiling leaves in a file. Keras never builds these here; a note names the others.
COMPILED = words("""
    AUC Accuracy Adadelta Adafactor Adagrad Adam AdamW Adamax BinaryAccuracy BinaryCrossentropy
    BinaryFocalCrossentropy BinaryIoU CategoricalAccuracy CategoricalCrossentropy
    CategoricalFocalCrossentropy CategoricalGeneralizedCrossEntropy CategoricalHinge
    ConcordanceCorrelation CosineDecay CosineDecayRestarts CosineSimilarity CTC Dice
    ExponentialDecay F1Score FBetaScore FalseNegatives FalsePositives Ftrl Hinge Huber
    InverseTimeDecay IoU KLDivergence Lamb Lion LogCosh LogCoshError LossFunctionWrapper
    LossScaleOptimizer LossScaleOptimizerV3 Mean MeanAbsoluteError MeanAbsolutePercentageError
    MeanIoU MeanMetricWrapper MeanSquaredError MeanSquaredLogarithmicError Muon Nadam OneHotIoU
    OneHotMeanIoU PearsonCorrelation PiecewiseConstantDecay Poisson PolynomialDecay Precision
    PrecisionAtRecall R2Score RMSprop Recall RecallAtPrecision RootMeanSquaredError SGD
    ScheduleFreeAdamW SensitivityAtSpecificity SparseCategoricalAccuracy
    SparseCategoricalCrossentropy SparseTopKCategoricalAccuracy SpecificityAtSensitivity
    SquaredHinge Sum TopKCategoricalAccuracy TrueNegatives TruePositives Tversky
    """)
COMPILED_FUNCTIONS = words("""
    binary_accuracy binary_crossentropy binary_focal_crossentropy categorical_accuracy
    categorical_crossentropy categorical_focal_crossentropy categorical_hinge cosine_similarity
    hinge huber kl_divergence log_cosh mean_absolute_error mean_absolute_percentage_error
    mean_squared_error mean_squared_logarithmic_error poisson sparse_categorical_accuracy
    sparse_categorical_crossentropy sparse_top_k_categorical_accuracy squared_hinge
    top_k_categorical_accuracy
    """)

MAX_DEPTH = 100
MAX_NUMBER = 1_000_000
MAX_FACTOR = 1024
MAX_TEXT = 1000

_SETTINGS = INITIALIZERS | REGULARIZERS | CONSTRAINTS | POLICIES | QUANTIZERS | VALUES
_CLASSES = LAYERS | _SETTINGS
_FREE_NUMBERS = words("mask_value max_value min_value seed shared_object_id")
# Numbers that multiply the pixels of a layer's output, or the work on each of them.
_FACTORS = words("""
    cropping dilation_rate height kernel_size n num_heads output_padding output_size padding
    pool_size size strides width
    """)

_MODULE = re.compile(r"(keras|tf_keras|tensorflow\.keras|tensorflow\.python\.keras)(\.\w+)*")
# How Keras 2.11 to 2.13 mark their own optimizers.
_OWN_PACKAGES = ("Custom>", "Keras>")

_NOT_READ = {
    "Lambda": "would run code that is in the file",
    "__lambda__": "would run code that is in the file",
    "TFSMLayer": "would run a TensorFlow program that is not in the file",
    **dict.fromkeys(("GPTQDTypePolicy", "GPTQConfig"), "is quantized by GPTQ, which is not read"),
    **dict.fromkeys(("AWQDTypePolicy", "AWQConfig"), "is quantized by AWQ, which is not read"),
    **dict.fromkeys(
        ("QuantizeLayer", "QuantizeWrapper", "QuantizeWrapperV2"),
        "is quantized by TensorFlow Model Optimization, which is not read",
    ),
}
_COMPILATION = "compile_config"
_REMEDY = "build the model of Keras's own layers and save it anew"


def checked_config(config: object) -> Config:
    """Check the configuration of a network, and return it without how it was compiled.

    Raises:
        ModelError: it is not that of a network, or has a class, function, module, setting or size
            that is not allowed; the message names the layer.
    """
    if not isinstance(config, dict) or not isinstance(config.get("class_name"), str):
        raise ModelError("its configuration is not that of a Keras model")
    if config["class_name"] not in NETWORK_CLASSES:
        raise ModelError(
            f"its class {quoted(config['class_name'])} is code that no model file holds; expected "
            f"Sequential or Functional: {_REMEDY}"
        )
    _check(config, _Place("the model"))
    checked: Config = _uncompiled(config)
    return checked


def foreign_names(compilation: object) -> list[str]:
    """Return the losses, metrics and optimizers in a compilation that are not of Keras.

    Nothing is built of a compilation, so what it names need not be known.
    """
    names, rest = [], [compilation]
    while rest:
        value = rest.pop()
        if isinstance(value, dict):
            name = value.get("class_name")
            known = COMPILED | INITIALIZERS | REGULARIZERS | CONSTRAINTS | POLICIES | VALUES
            if name == "function":
                name, known = value.get("config"), COMPILED_FUNCTIONS
            if isinstance(name, str) and _unmarked(name) not in known:
                names.append(name)
        if isinstance(value, dict | list):
            rest += value.values() if isinstance(value, dict) else value
    return sorted(set(names))


def _unmarked(name: str) -> str:
    for package in _OWN_PACKAGES:
        name = name.removeprefix(package)
    return name


def compilations(config: object) -> list[object]:
    """Return how a checked configuration says that its network, and those within, were compiled."""
    found, rest = [], [config]
    while rest:
        value = rest.pop()
        if isinstance(value, dict):
            found += [value[_COMPILATION]] if _COMPILATION in value else []
            rest += [inner for key, inner in value.items() if key != _COMPILATION]
        elif isinstance(value, list):
            rest += value
    return found


def check_record(record: object) -> None:
    """Check JSON that is printed and never built: its depth, and that its texts can be printed.

    Raises:
        ModelError: it is nested too deep, or a text has a character that does not print.
    """
    _check(record, _Place("its training record", built=False))


def quoted(text: object) -> str:
    """Return a name from a file as a message shows it: short, without control characters."""
    shown = repr(text)
    return shown if len(shown) <= 60 else f"{shown[:57]}..."


@dataclass(frozen=True)
class _Place:
    """The place of a value in a configuration."""

    layer: str  # the innermost layer around it, as messages name it
    key: str = ""  # the innermost key
    depth: int = 0  # how deep it is nested
    built: bool = True  # whether Keras builds it

    def within(self, key: str) -> "_Place":
        """Return the place of the value under a key."""
        return replace(self, key=key, depth=self.depth + 1)

    def refuse(self, why: str, remedy: str = _REMEDY) -> NoReturn:
        """Raise the `ModelError` that names the layer."""
        raise ModelError(f"{self.layer} {why}; {remedy}")


def _check(value: object, place: _Place) -> None:
    if place.depth > MAX_DEPTH:
        place.refuse(f"is nested more than {MAX_DEPTH} deep")
    if isinstance(value, dict):
        if "class_name" in value and place.built:
            _check_object(value, place)
        else:
            for key, inner in value.items():
                _check_text(key, place)
                if key != _COMPILATION:  # which is left out
                    _check(inner, place.within(key))
    elif isinstance(value, list):
        for inner in value:
            _check(inner, place.within(place.key))
    elif isinstance(value, str):
        _check_text(value, place)
    elif isinstance(value, int | float):
        _check_number(value, place)


def _check_object(value: Mapping[str, object], place: _Place) -> None:
    """Check an object of a class, or a function, as Keras would build it, with its settings."""
    name, config = value["class_name"], value.get("config")
    if not isinstance(name, str):
        place.refuse("has a class_name that is not text")
    inner = _place_of(value, name, place)
    _check_class(name, inner)
    _check_origin(value, name, inner)
    if name == "function" and config not in ACTIVATIONS:
        inner.refuse(f"names the function {quoted(config)}, which is none of those known here")
    if unknown := value.keys() - OBJECT_KEYS:
        inner.refuse(f"has the unknown key {quoted(min(unknown))}")
    settings = config.keys() if isinstance(config, dict) else ()
    # Those of a layer that does nothing are left out when it is built.
    if name not in VALUES | TRAINING_ONLY and (unknown := set(settings) - KEYS):
        inner.refuse(f"has the unknown setting {quoted(min(unknown))}")
    for key in value.keys() - {"class_name", "module", "registered_name", _COMPILATION}:
        _check(value[key], inner.within(key))


def _place_of(value: Mapping[str, object], name: str, place: _Place) -> _Place:
    """Return the place of an object's own settings: an object that is no setting is a layer."""
    if name in _SETTINGS or name == "function" or _names_for(place.key):
        return place
    config = value.get("config")
    label = (config.get("name") if isinstance(config, dict) else None) or value.get("name")
    kind = name if name in _CLASSES else quoted(name)[1:-1]
    return replace(place, layer=f"layer {quoted(label)} ({kind})" if label else f"layer {kind}")


def _check_class(name: str, place: _Place) -> None:
    if name in _CLASSES or name == "function":
        return
    if name in _NOT_READ:
        remedy = "save it before it is quantized" if "quantized" in _NOT_READ[name] else _REMEDY
        place.refuse(_NOT_READ[name], remedy)
    place.refuse(f"has the class {quoted(name)}, which is none of those known here")


def _check_origin(value: Mapping[str, object], name: str, place: _Place) -> None:
    """Check the module that a class or function comes from, and the name it is registered by."""
    module, registered = value.get("module"), value.get("registered_name")
    known = isinstance(module, str) and (
        _MODULE.fullmatch(module) or (module == "builtins" and name == "function")
    )
    if module is not None and not known:
        place.refuse(f"takes {quoted(name)} from the module {quoted(module)}, not from Keras")
    if registered not in (None, name, value.get("config") if name == "function" else None):
        place.refuse(f"takes {quoted(name)} as {quoted(registered)}, not from Keras")


def _names_for(key: str) -> frozenset[str] | None:
    """Return the names that a setting may have, None for any."""
    return next((names for ending, names in _NAMES.items() if key.endswith(ending)), None)


_NAMES: Mapping[str, frozenset[str]] = {
    "activation": ACTIVATIONS,
    "initializer": INITIALIZERS,
    "regularizer": REGULARIZERS,
    "constraint": CONSTRAINTS,
    "dtype": DTYPES,
}


def _check_text(text: str, place: _Place) -> None:
    if not text.isprintable() or len(text) > MAX_TEXT:
        place.refuse(f"holds the text {quoted(text)}: too long, or with control characters")
    names = _names_for(place.key) if place.built else None
    if names is not None and text not in names:
        place.refuse(f"has the {place.key} {quoted(text)}, which is none of those known here")


def _check_number(number: float, place: _Place) -> None:
    if not place.built or place.key in _FREE_NUMBERS:
        return
    most = MAX_FACTOR if place.key in _FACTORS else MAX_NUMBER
    if not abs(number) <= most:  # nor NaN
        place.refuse(f"has {place.key} {number}; expected at most {most:,}", "save it anew")


def _uncompiled(value: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, dict):
        return {key: _uncompiled(inner) for key, inner in value.items() if key != _COMPILATION}
    return [_uncompiled(inner) for inner in value] if isinstance(value, list) else value
