# frozen_string_literal: true

RSpec.describe Karafka::Embedded::StopReport do
  def job(number)
    { "group" => "shop", "topic" => "orders", "partition" => number, "job" => "consume", "first_offset" => 10,
      "last_offset" => 19, "age_ms" => 1_200 }
  end

  def report(drained: [], abandoned: [], left: [])
    told = { "duration_ms" => 24, "drained" => drained, "abandoned" => abandoned, "groups_not_left" => left }
    described_class.new(told, threads_left: 0)
  end

  def logged(report)
    output = StringIO.new
    report.log(Logger.new(output, formatter: ->(level, _, _, text) { "#{level} #{text}\n" }))
    output.string.lines(chomp: true)
  end

  it "is one line where nothing was at work" do
    expect(report).to be_clean
    expect(logged(report)).to include("INFO Karafka::Embedded stopped in 24 ms, 0 jobs drained, 0 abandoned")
    expect(logged(report).grep(/\AINFO/).size).to eq(1)
  end

  it "names what was abandoned" do
    left = report(abandoned: [job(3)], left: ["shop"])

    expect(left).not_to be_clean
    expect(left.to_s).to end_with(
      "1 abandoned, abandoned: consume of orders/3, offsets 10..19, 1200 ms old, groups not left: shop"
    )
  end

  it "tells all of it in a form for programs where something was at work" do
    line = logged(report(drained: [job(1)], abandoned: [job(3)])).grep(/\AINFO Karafka::Embedded stop report/).first
    told = JSON.parse(line[/\{.*/])

    expect(told).to include("clean" => false, "duration_ms" => 24, "drained" => [job(1)], "abandoned" => [job(3)])
  end
end
