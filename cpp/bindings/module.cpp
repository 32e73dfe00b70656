// Python bindings of the compiled core. They check shapes and types; the work runs without the GIL.
#include <nanobind/stl/pair.h>

#include "bindings/bindings.hpp"
#include "common/borders.hpp"
#include "common/confusion.hpp"
#include "common/dispatch.hpp"
#include "common/regions.hpp"
#include "common/resample.hpp"

namespace {

// The largest length of a row of a picture, and the largest memory to process one.
void require_sides(std::size_t height, std::size_t width) {
    require(height < (std::size_t{1} << 24) && width < (std::size_t{1} << 24), "a side has 2^24 pixels or more");
}

std::size_t count_confusion(Array<const std::uint8_t, 1> truth, Array<const std::uint8_t, 1> prediction, int ignore,
                            Array<std::int64_t, 2> matrix) {
    require(truth.size() == prediction.size(), "truth and prediction differ in size");
    require(matrix.shape(0) == matrix.shape(1) && matrix.shape(0) <= 256, "matrix is not C x C with C <= 256");
    const Released released;
    return pixelwise::count_confusion(truth.data(), prediction.data(), truth.size(), matrix.shape(0), ignore,
                                      matrix.data());
}

void chessboard_distance(Array<const std::uint8_t, 2> mask, int limit, Array<std::uint8_t, 2> distance) {
    require(mask.size() > 0, "mask may not be empty");
    require(mask.shape(0) == distance.shape(0) && mask.shape(1) == distance.shape(1), "mask and distance differ in size");
    require(limit >= 1 && limit <= 254, "limit is from 1 to 254");
    require_sides(mask.shape(0), mask.shape(1));
    const Released released;
    pixelwise::chessboard_distance(mask.data(), mask.shape(0), mask.shape(1), limit, distance.data());
}

void count_contours(Array<const std::uint8_t, 2> truth, Array<const std::uint8_t, 2> prediction, double radius,
                    std::uint8_t ignore, Array<std::int64_t, 2> counts) {
    require(truth.size() > 0, "truth may not be empty");
    require(truth.shape(0) == prediction.shape(0) && truth.shape(1) == prediction.shape(1),
            "truth and prediction differ in size");
    require(radius >= 0 && radius < 4096, "radius is from 0 to below 4096");
    require(counts.shape(0) == 4 && counts.shape(1) <= 256, "counts is not 4 x C with C <= 256");
    require_sides(truth.shape(0), truth.shape(1));
    bool known = false;
    {
        const Released released;
        known = pixelwise::count_contours(truth.data(), prediction.data(), truth.shape(0), truth.shape(1), radius, ignore,
                                          counts.shape(1), counts.data());
    }
    require(known, "a label on a contour is not below the number of classes");
}

void label_pixels(Array<const float, 3> scores, Array<std::uint8_t, 2> labels, Array<std::int64_t, 1> pixels,
                  Array<double, 1> confidence, int threads, std::size_t stride,
                  const std::optional<std::pair<std::size_t, std::size_t>>& size) {
    require_threads(threads);
    require(scores.size() > 0 && labels.size() > 0, "scores and labels may not be empty");
    require(stride > 0 && (stride > 1) == size.has_value(), "a stride above 1 goes with the size of the enlarged scores");
    const pixelwise::Grid whole{size ? size->first : scores.shape(1), size ? size->second : scores.shape(2)};
    require(whole.height > 0 && whole.width > 0, "the enlarged scores may not be empty");
    require_sides(whole.height, whole.width);
    require(scores.shape(0) <= 256, "at most 256 classes fit into uint8 labels");
    require_sides(scores.shape(1), scores.shape(2));
    require_sides(labels.shape(0), labels.shape(1));
    require(pixels.shape(0) == scores.shape(0) && confidence.shape(0) == scores.shape(0),
            "pixels and confidence need one entry per class");
    const Released released;
    pixelwise::label_pixels(scores.data(), scores.shape(0), {scores.shape(1), scores.shape(2)}, stride, whole,
                            {labels.shape(0), labels.shape(1)}, labels.data(), pixels.data(), confidence.data(),
                            threads);
}

void pixel_confidence(Array<const float, 3> scores, Array<float, 2> confidence) {
    require(scores.size() > 0 && confidence.size() > 0, "scores and confidence may not be empty");
    require_sides(scores.shape(1), scores.shape(2));
    require_sides(confidence.shape(0), confidence.shape(1));
    const Released released;
    pixelwise::pixel_confidence(scores.data(), scores.shape(0), {scores.shape(1), scores.shape(2)},
                                {confidence.shape(0), confidence.shape(1)}, confidence.data());
}

void pixel_probabilities(Array<const float, 3> scores, Array<float, 3> probabilities) {
    require(scores.size() > 0 && probabilities.size() > 0, "scores and probabilities may not be empty");
    require(scores.shape(0) == probabilities.shape(0), "scores and probabilities differ in classes");
    require_sides(scores.shape(1), scores.shape(2));
    require_sides(probabilities.shape(1), probabilities.shape(2));
    const Released released;
    pixelwise::pixel_probabilities(scores.data(), scores.shape(0), {scores.shape(1), scores.shape(2)},
                                   {probabilities.shape(1), probabilities.shape(2)}, probabilities.data());
}

void add_probabilities(Array<const float, 3> scores, Array<const float, 1> of_rows, Array<const float, 1> of_columns,
                       std::size_t top, std::size_t left, Array<float, 3> total) {
    require(scores.size() > 0 && of_rows.size() > 0 && of_columns.size() > 0, "scores and weights may not be empty");
    require(scores.shape(0) == total.shape(0), "scores and total differ in classes");
    require_sides(scores.shape(1), scores.shape(2));
    require_sides(total.shape(1), total.shape(2));
    const pixelwise::Part part{
        top, left, {of_rows.shape(0), of_columns.shape(0)}, {total.shape(1), total.shape(2)}};
    require(top < total.shape(1) && part.size.height <= total.shape(1) - top && left < total.shape(2) &&
                part.size.width <= total.shape(2) - left,
            "the part reaches beyond the total");
    const Released released;
    pixelwise::add_probabilities(scores.data(), scores.shape(0), {scores.shape(1), scores.shape(2)}, part,
                                 of_rows.data(), of_columns.data(), total.data());
}

void enlarge(Array<const float, 3> scores, std::size_t stride, Array<float, 3> out) {
    require(scores.size() > 0 && out.size() > 0, "scores may not be empty");
    require(stride > 0, "the stride is at least 1");
    require(scores.shape(0) == out.shape(0), "scores and the result differ in classes");
    require_sides(scores.shape(1), scores.shape(2));
    require_sides(out.shape(1), out.shape(2));
    const Released released;
    pixelwise::enlarge(scores.data(), scores.shape(0), {scores.shape(1), scores.shape(2)}, stride,
                       {out.shape(1), out.shape(2)}, out.data());
}

bool all_finite(Array<const float, 3> scores) {
    const Released released;
    return pixelwise::all_finite(scores.data(), scores.size());
}

pixelwise::LabelMap label_map(Array<std::uint8_t, 2>& labels) {
    require(labels.size() > 0, "labels may not be empty");
    require_sides(labels.shape(0), labels.shape(1));
    require(labels.size() < (std::size_t{1} << 31), "a label map has 2^31 pixels or more");
    return {labels.data(), size(labels, 0), size(labels, 1)};
}

void keep_largest_region(Array<std::uint8_t, 2> labels, std::uint8_t background) {
    const pixelwise::LabelMap map = label_map(labels);
    const Released released;
    pixelwise::keep_largest_region(map, background);
}

void fill_holes(Array<std::uint8_t, 2> labels, std::uint8_t background) {
    const pixelwise::LabelMap map = label_map(labels);
    const Released released;
    pixelwise::fill_holes(map, background);
}

void remove_small_regions(Array<std::uint8_t, 2> labels, std::int64_t smallest, std::optional<std::uint8_t> background) {
    const pixelwise::LabelMap map = label_map(labels);
    const Released released;
    pixelwise::remove_small_regions(map, smallest, background ? *background : -1);
}

}  // namespace

NB_MODULE(_core, module) {
    module.def("count_confusion", &count_confusion, "truth"_a, "prediction"_a,
               "ignore"_a, "matrix"_a,
               "Add to matrix[t, p] the pixels of truth t predicted as p; return the index of the first id out of range, "
               "or the number of pixels.");
    module.def("chessboard_distance", &chessboard_distance, "mask"_a, "limit"_a, "distance"_a,
               "Fill in the distance (H, W) to the nearest pixel of mask that is not 0, diagonal steps counting one, and "
               "limit + 1 beyond the limit.");
    module.def("count_contours", &count_contours, "truth"_a, "prediction"_a, "radius"_a, "ignore"_a, "counts"_a,
               "Add to counts (4, C) the pixels of predicted contours within `radius` pixels of a true one of their class, "
               "all of them, and both for true contours.");
    module.def("label_pixels", &label_pixels, "scores"_a, "labels"_a,
               "pixels"_a, "confidence"_a, "threads"_a = 1, "stride"_a = 1, "size"_a = nb::none(),
               "Interpolate scores (C, h, w) to labels' size (H, W) and fill in the best class per pixel; add per class "
               "the pixel count and the sum of their probabilities. stride: scores that are first enlarged by it to size "
               "(height, width), as `enlarge` does it.");
    module.def("pixel_confidence", &pixel_confidence, "scores"_a, "confidence"_a,
               "Interpolate scores (C, h, w) to confidence's size (H, W) and fill in the probability of the best class.");
    module.def("pixel_probabilities", &pixel_probabilities, "scores"_a,
               "probabilities"_a,
               "Interpolate scores (C, h, w) to probabilities' size (C, H, W) and take the softmax over classes.");
    module.def("add_probabilities", &add_probabilities, "scores"_a, "of_rows"_a, "of_columns"_a, "top"_a, "left"_a,
               "total"_a,
               "Interpolate scores (C, h, w) to (rows, columns), take the softmax and add it, times the weights of rows "
               "and columns, to total (C, H, W) from `top` and `left` on.");
    module.def("enlarge", &enlarge, "scores"_a, "stride"_a, "out"_a,
               "Interpolate scores (C, h, w) to out (C, H, W), so that cell (i, j) lies at pixel (i, j) * stride.");
    module.def("all_finite", &all_finite, "scores"_a, "Whether none of the scores (C, h, w) is NaN or infinite.");
    module.def("has_int8_products", &pixelwise::has_int8_products,
               "Whether the processor adds up products of 8-bit integers in one instruction: AVX-512 VNNI, AVX-VNNI or "
               "ARM's dot product.");
    module.def("keep_largest_region", &keep_largest_region, "labels"_a, "background"_a,
               "Give background to every region (4-connected pixels of one label) of another label but the largest.");
    module.def("fill_holes", &fill_holes, "labels"_a, "background"_a,
               "Give regions of background inside one label, away from the border of the picture, that label.");
    module.def("remove_small_regions", &remove_small_regions, "labels"_a, "smallest"_a, "background"_a.none(),
               "Give regions of fewer than `smallest` pixels the label with which they share the longest border. The "
               "largest region that is not background stays if it has a tenth of `smallest`.");
    bind_crf(module);
    bind_convolution(module);
    bind_learning(module);
}
