"""The names of Keras that a model file may hold: its layers, their settings, what they take.

They are those of Keras 2.1 to 3.15 that a network for images of digits may be made of, and none of
them runs code of the file's or opens another file (`config_allowlist` says what else is checked).
"""


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


MODELS = frozenset(("Sequential", "Functional", "Model"))

LAYERS = MODELS | _names("""
    Activation ActivityRegularization AdaptiveAveragePooling1D AdaptiveAveragePooling2D
    AdaptiveMaxPooling1D AdaptiveMaxPooling2D Add AdditiveAttention AlphaDropout Attention
    AutoContrast Average AveragePooling1D AveragePooling2D AveragePooling3D BatchNormalization
    BatchNormalizationV1 BatchNormalizationV2 Bidirectional CenterCrop Concatenate Conv1D
    Conv1DTranspose Conv2D Conv2DTranspose Conv3D ConvLSTM1D ConvLSTM2D ConvLSTM3D Convolution1D
    Convolution2D Cropping1D Cropping2D CuDNNGRU CuDNNLSTM Dense DepthwiseConv1D DepthwiseConv2D
    Dot Dropout ELU EinsumDense Embedding Equalization Flatten GRU GRUCell GRUV2 GaussianDropout
    GaussianNoise GlobalAveragePooling1D GlobalAveragePooling2D GlobalAveragePooling3D
    GlobalMaxPooling1D GlobalMaxPooling2D GlobalMaxPooling3D GroupNormalization
    GroupQueryAttention GroupedQueryAttention Identity InputLayer LSTM LSTMCell LSTMV2
    LayerNormalization LeakyReLU LocallyConnected1D LocallyConnected2D Masking MaxPooling1D
    MaxPooling2D MaxPooling3D Maximum Minimum MultiHeadAttention Multiply Normalization PReLU
    Permute RMSNormalization RNN RandomBrightness RandomContrast RandomCrop
    RandomElasticTransform RandomErasing RandomFlip RandomGaussianBlur RandomHeight RandomInvert
    RandomPerspective RandomPosterization RandomRotation RandomSharpness RandomShear
    RandomTranslation RandomWidth RandomZoom ReLU RepeatVector Rescaling Reshape Resizing
    SeparableConv1D SeparableConv2D SeparableConvolution1D SeparableConvolution2D SimpleRNN
    SimpleRNNCell Softmax Solarization SpatialDropout1D SpatialDropout2D SpectralNormalization
    StackedRNNCells Subtract SyncBatchNormalization ThresholdedReLU TimeDistributed
    UnitNormalization UpSampling1D UpSampling2D ZeroPadding1D ZeroPadding2D
    """)

ACTIVATIONS = _names("""
    celu elu exponential gelu glu hard_shrink hard_sigmoid hard_silu hard_swish hard_tanh
    leaky_relu linear log_sigmoid log_softmax mish relu relu6 selu sigmoid silu soft_shrink
    softmax softmax_v2 softplus softsign sparse_plus sparse_sigmoid sparsemax squareplus swish
    tanh tanh_shrink threshold
    """)
INITIALIZERS = _names("""
    Constant GlorotNormal GlorotUniform HeNormal HeUniform Identity IdentityInitializer
    LecunNormal LecunUniform Ones Orthogonal OrthogonalInitializer RandomNormal RandomUniform
    TruncatedNormal VarianceScaling Zeros constant glorot_normal glorot_uniform he_normal
    he_uniform identity lecun_normal lecun_uniform normal one ones orthogonal random_normal
    random_uniform truncated_normal uniform variance_scaling zero zeros
    """)
REGULARIZERS = _names("L1 L1L2 L2 OrthogonalRegularizer l1 l1_l2 l2 orthogonal_regularizer")
CONSTRAINTS = _names("""
    MaxNorm MinMaxNorm NonNeg UnitNorm max_norm maxnorm min_max_norm non_neg nonneg unit_norm
    unitnorm
    """)
DTYPES = _names("""
    bfloat16 bool float16 float32 float64 int16 int32 int64 int8 mixed_bfloat16 mixed_float16
    uint16 uint32 uint64 uint8
    """)
POLICIES = _names("DTypePolicy FloatDTypePolicy Policy PolicyV1 QuantizedDTypePolicy")
VALUES = _names("__ellipsis__ __keras_tensor__ __numpy__ __slice__ __tensor__")

KEYS = _names("""
    activation activity_regularizer alpha alpha_constraint alpha_initializer alpha_regularizer
    antialias attention_axes autocast axes axis backward_layer batch_input_shape batch_shape
    batch_size beta_constraint beta_initializer beta_regularizer bias_axes bias_constraint
    bias_initializer bias_regularizer brightness_factor build_input_shape causal cell cells
    center constant_values contrast_factor crop_to_aspect_ratio cropping data_format data_type
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
    num_query_heads offset optional output_axes output_dim output_layers output_padding
    output_shape output_size pad_to_aspect_ratio padding pointwise_constraint
    pointwise_initializer pointwise_regularizer pool_size power_iterations quantization_config
    query_shape ragged rank rate recurrent_activation recurrent_constraint recurrent_dropout
    recurrent_initializer recurrent_regularizer renorm renorm_clipping renorm_momentum
    reset_after return_sequences return_state rms_scaling scale score_mode seed shape
    shared_axes sigma size sliding_window source_name sparse stateful stddev strides
    synchronized target_shape theta threshold time_major trainable unit_forget_bias units unroll
    upper use_bias use_cudnn use_gate use_scale value value_dim value_range value_shape variance
    virtual_batch_size width width_factor x_factor x_max x_min y_factor zero_output_for_mask
    """)
OBJECT_KEYS = _names(
    """
    backend build_config class_name compile_config config date_saved inbound_nodes keras_version
    module name registered_name shared_object_id
    """
)

# What compiling leaves in a file. None of it is ever built; it is held to the same rule.
COMPILED = _names("""
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
COMPILED_FUNCTIONS = _names("""
    binary_accuracy binary_crossentropy binary_focal_crossentropy categorical_accuracy
    categorical_crossentropy categorical_focal_crossentropy categorical_hinge cosine_similarity
    hinge huber kl_divergence log_cosh mean_absolute_error mean_absolute_percentage_error
    mean_squared_error mean_squared_logarithmic_error poisson sparse_categorical_accuracy
    sparse_categorical_crossentropy sparse_top_k_categorical_accuracy squared_hinge
    top_k_categorical_accuracy
    """)
