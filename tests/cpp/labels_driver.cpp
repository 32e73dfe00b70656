// Drives what turns scores into labels, and counts them.
#include <cmath>
#include <cstdint>

#include "checks.hpp"
#include "common/borders.hpp"
#include "common/confusion.hpp"
#include "common/regions.hpp"
#include "common/resample.hpp"

using namespace pixelwise;

void run_resampling() {
    Random random(0);
    for (const Grid from : {Grid{1, 1}, {1, 5}, {7, 1}, {9, 13}, {40, 60}})
        for (const Grid to : {Grid{1, 1}, {3, 2}, {31, 47}, {100, 1}, {64, 129}})
            for (const std::size_t classes : {1, 2, 7, 21, 60}) {
                context = "resampling of " + std::to_string(classes) + " classes";
                const Floats scores = random.normals(static_cast<Index>(classes * from.height * from.width), 5.0f);
                const std::size_t pixels = to.height * to.width;
                std::vector<std::uint8_t> labels(pixels);
                std::vector<std::int64_t> counts(classes);
                std::vector<double> confidence(classes);
                label_pixels(scores.data(), classes, from, 1, from, to, labels.data(), counts.data(), confidence.data());
                Floats probabilities(classes * pixels);
                pixel_probabilities(scores.data(), classes, from, to, probabilities.data());
                Floats likeliest(pixels);
                pixel_confidence(scores.data(), classes, from, to, likeliest.data());
                require_probabilities(probabilities, static_cast<int>(classes), static_cast<Index>(pixels));
                std::int64_t total = 0;
                for (const std::int64_t count : counts) total += count;
                require(total == static_cast<std::int64_t>(pixels), "not every pixel was counted");
                for (std::size_t i = 0; i < pixels; ++i) {
                    const float own = probabilities[labels[i] * pixels + i];
                    require(std::abs(own - likeliest[i]) < 1e-5f, "the confidence is not that of the label", own);
                    for (std::size_t c = 0; c < classes; ++c)
                        require(own >= probabilities[c * pixels + i] - 1e-5f, "a label is not the likeliest", own);
                }
            }
    // Scores of NaN give no probabilities, and pixels that are no neighbours theirs.
    context = "resampling of NaN";
    const float nan = std::nanf("");
    const Floats scores = {1.0f, 1.0f, nan, 2.0f, 1.0f, 1.0f};  // two classes of three pixels
    Floats found(6);
    pixel_probabilities(scores.data(), 2, {1, 3}, {1, 3}, found.data());
    require(std::abs(found[0] + found[3] - 1.0f) < 1e-5f && found[3] > 0.7f, "a number beside NaN was lost", found[3]);
    require(std::isnan(found[2]), "NaN became a number", found[2]);
}

void run_confusion() {
    Random random(0);
    for (const int classes : {1, 2, 21, 255})
        for (const std::size_t pixels : {0, 1, 3, 4, 1001}) {
            context = "confusion of " + std::to_string(classes) + " classes";
            std::vector<std::uint8_t> truth(pixels), prediction(pixels);
            std::int64_t counted = 0, total = 0;
            for (std::size_t i = 0; i < pixels; ++i) {
                const bool ignored = random.below(5) == 0;
                truth[i] = static_cast<std::uint8_t>(ignored ? 255 : random.below(classes));
                prediction[i] = static_cast<std::uint8_t>(random.below(classes));
                counted += !ignored;
            }
            std::vector<std::int64_t> matrix(size(Index{classes} * classes));
            const auto first_bad = [&] {
                return count_confusion(truth.data(), prediction.data(), pixels, size(classes), 255, matrix.data());
            };
            require(first_bad() == pixels, "good ids were refused");
            for (const std::int64_t count : matrix) total += count;
            require(total == counted, "the matrix does not hold every pixel");
            if (pixels == 0) continue;
            truth[pixels / 2] = 254;
            prediction[pixels / 2] = 255;
            require(first_bad() == pixels / 2, "a bad id was not found where it is");
        }
}

void run_borders() {
    Random random(0);
    for (const Grid from : {Grid{1, 1}, {1, 9}, {9, 1}, {2, 2}, {30, 40}})
        for (const double radius : {0.0, 1.0, 3.7}) {
            context = "borders of " + std::to_string(from.height) + "x" + std::to_string(from.width);
            const std::size_t pixels = from.height * from.width;
            std::vector<std::uint8_t> truth(pixels), prediction(pixels), distance(pixels);
            for (std::size_t i = 0; i < pixels; ++i) {
                truth[i] = static_cast<std::uint8_t>(random.below(4) == 3 ? 255 : random.below(3));
                prediction[i] = static_cast<std::uint8_t>(random.below(3));
            }
            std::vector<std::int64_t> counts(12);
            const auto counted = [&](std::size_t classes) {
                return count_contours(truth.data(), prediction.data(), from.height, from.width, radius, 255, classes,
                                      counts.data());
            };
            require(counted(3), "good labels were refused");
            require(counts[0] <= counts[3] && counts[6] <= counts[9], "more pixels are near than there are");
            for (const int limit : {1, 254}) {
                chessboard_distance(truth.data(), from.height, from.width, limit, distance.data());
                for (std::size_t i = 0; i < pixels; ++i)
                    require((distance[i] == 0) == (truth[i] != 0), "a marked pixel is not at distance 0");
            }
        }
}

void run_regions() {
    Random random(0);
    for (const Grid from : {Grid{1, 1}, {1, 9}, {9, 1}, {30, 40}, {64, 129}})
        for (const int labels : {1, 2, 5, 256}) {
            context = "regions of " + std::to_string(labels) + " labels";
            const std::size_t pixels = from.height * from.width;
            std::vector<std::uint8_t> map(pixels);
            for (std::uint8_t& label : map) label = static_cast<std::uint8_t>(random.below(labels));
            const auto view = [&](std::vector<std::uint8_t>& of) {
                return LabelMap{of.data(), static_cast<Index>(from.height), static_cast<Index>(from.width)};
            };
            for (const std::int64_t smallest : {std::int64_t{0}, std::int64_t{2}, std::int64_t{20}, std::int64_t{1} << 40})
                for (const int background : {-1, 0}) {
                    std::vector<std::uint8_t> cleaned = map;
                    remove_small_regions(view(cleaned), smallest, background);
                    require(smallest > 0 || cleaned == map, "a region was removed for nothing");
                    std::vector<std::uint8_t> again = cleaned;
                    remove_small_regions(view(again), smallest, background);
                    // What was the largest region stays, though others may have grown beyond it; nothing else is small.
                    std::int64_t changed = 0;
                    for (std::size_t i = 0; i < pixels; ++i) changed += again[i] != cleaned[i];
                    require(changed == 0 || changed < smallest, "small regions were left");
                }
            std::vector<std::uint8_t> filled = map, largest = map;
            fill_holes(view(filled), 0);
            for (std::size_t i = 0; i < pixels; ++i) require(map[i] == 0 || filled[i] == map[i], "more than holes was filled");
            keep_largest_region(view(largest), 0);
            for (std::size_t i = 0; i < pixels; ++i) require(largest[i] == 0 || largest[i] == map[i], "a label is new");
        }
}
