// The filter of a lattice applied to 1 everywhere, from which normalisations follow.
#include <algorithm>
#include <vector>

#include "common/threads.hpp"
#include "crf/permutohedral.hpp"

namespace pixelwise {
namespace {

using Index = std::ptrdiff_t;

std::size_t size(Index count) { return static_cast<std::size_t>(count); }

void blur_ones(const Link* links, Index count, std::vector<float>& value) {
    float before = 0.0f;
    for (Index k = 0; k < count; ++k) {
        float& here = value[size(links[k].row)];
        const float next = k + 1 < count ? value[size(links[k + 1].row)] : 0.0f;
        const float old = here;
        here = old + before + links[k].half * next;
        before = links[k].half * old;
    }
}

}  // namespace

void Lattice::filter_ones() {
    ones_.resize(simplex_.size());
    with_corners(corners(), [this](auto corners) { filter_ones_of<corners>(); });
}

// Corners: their number, or 0 if it is known only at run time.
template <int Corners>
void Lattice::filter_ones_of() {
    constexpr Index stretch = 65536;  // of pixels, between looks at interrupts
    const int n = Corners ? Corners : corners();
    std::vector<std::vector<float>> sums;  // of each part's vertices; the first one's become those of all
    for (int p = 0; p < parts(); ++p) sums.emplace_back(p == 0 ? size(vertices_) : called(p).size());
    std::vector<float>& value = sums[0];
    run_team(parts(), [&](Member& member) {
        const std::size_t p = size(member.index);
        // Calls work(first position, the next one's, where its vertices are) for neighbouring positions of one simplex.
        const auto for_runs = [&](const std::vector<std::int32_t>& vertices, const auto& work) {
            const Index end = first_pixel_[p + 1];
            for (Index i = first_pixel_[p]; i < end;) {
                member.go_on();
                for (const Index stop = std::min(end, i + stretch); i < stop;) {
                    const std::int32_t simplex = simplex_[size(i)];
                    const Index first = i;
                    while (i < stop && simplex_[size(i)] == simplex) ++i;
                    work(first, i, vertices.data() + static_cast<Index>(simplex) * n);
                }
            }
        };
        std::vector<float>& own = sums[p];
        for_runs(own_corners_.empty() ? corners_ : own_corners_, [&](Index first, Index end, const std::int32_t* vertex) {
            float total[max_dimensions + 1] = {};
            for (const float* weight = weight_.data() + first * n; first < end; ++first, weight += n)
                for (int k = 0; k < n; ++k) total[k] += weight[k];
            for (int k = 0; k < n; ++k) own[size(vertex[k])] += total[k];
        });
        member.wait();
        for (int t = 1; t < member.size; ++t) {
            const std::vector<std::int32_t>& names = called(t);
            const auto range = member.share(static_cast<Index>(names.size()));
            for (Index v = range.begin; v < range.end; ++v) value[size(names[size(v)])] += sums[size(t)][size(v)];
            member.wait();
        }
        for (const std::vector<Link>& chain : chains_) {
            member.go_on();
            const auto range = member.share(static_cast<Index>(chain.size()));
            const Index begin = chain_start(chain, range.begin), end = chain_start(chain, range.end);
            blur_ones(chain.data() + begin, end - begin, value);
            member.wait();
        }
        for_runs(corners_, [&](Index first, Index end, const std::int32_t* vertex) {
            float at[max_dimensions + 1];
            for (int k = 0; k < n; ++k) at[k] = value[size(vertex[k])];
            for (const float* weight = weight_.data() + first * n; first < end; ++first, weight += n) {
                float total = 0.0f;
                for (int k = 0; k < n; ++k) total += weight[k] * at[k];
                ones_[size(first)] = total;
            }
        });
    });
}

}  // namespace pixelwise
